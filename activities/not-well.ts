/** A service answered, and the answer is not the one of a service that is well. */
export class NotWell extends Error {
  override readonly name = 'NotWell';
}
