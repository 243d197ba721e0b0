/**
 * Seeds of a sweep: 0 to `ci` in the usual size, 0 to `long` with `npm run test:chaos -- --long`, and one alone with
 * `--seed 17`.
 */
export function sweepSeeds({ ci, long }: { ci: number; long: number }): number[] {
  const one = process.env['CARETAKER_CHAOS_SEED'];
  if (one !== undefined) return [Number(one)];
  return Array.from({ length: isLong() ? long : ci }, (_, seed) => seed);
}

/** Whether the long sweeps were asked for. */
export function isLong(): boolean {
  return process.env['CARETAKER_CHAOS_LONG'] !== undefined;
}
