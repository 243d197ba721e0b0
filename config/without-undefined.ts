type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** A key that is present but undefined must not hide the value of the configuration. */
export function withoutUndefined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
