/**
 * Makes a resource once per test run, however many projects ask for it. Global set-ups of different projects run in one
 * process but do not share modules, so the memory is the process itself.
 */
export function oncePerRun<T>(name: string, make: () => Promise<T>): Promise<T> {
  const key = Symbol.for(`caretaker.test.${name}`);
  const memory = globalThis as unknown as Record<symbol, Promise<T> | undefined>;
  memory[key] ??= make();
  return memory[key];
}
