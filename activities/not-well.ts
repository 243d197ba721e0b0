/** A service answered, and the answer is not the one of a service that is well. */
export class NotWell extends Error {
  override readonly name = 'NotWell';

  /** Where many things were looked at: the names of those that are not well. */
  readonly ailing: readonly string[] | undefined;

  constructor(message: string, ailing?: readonly string[]) {
    super(message);
    this.ailing = ailing;
  }
}
