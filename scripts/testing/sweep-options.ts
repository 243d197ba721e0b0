/** The options of the chaos sweeps, taken out of the arguments for vitest, which does not know them. */
export interface SweepOptions {
  /** For vitest. */
  readonly args: string[];
  /** What the sweeps read: `CARETAKER_CHAOS_LONG`, `CARETAKER_CHAOS_SEED`. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `--long` asks for the long sweeps, `--seed 17` for one seed of each.
 *
 * @throws {Error} when the seed is missing or no whole number.
 */
export function takeSweepOptions(given: readonly string[]): SweepOptions {
  const args: string[] = [];
  const env: Record<string, string> = {};
  for (let index = 0; index < given.length; index++) {
    const arg = given[index] as string;
    const seed = /^--seed(?:=(.*))?$/.exec(arg);
    if (arg === '--long') env['CARETAKER_CHAOS_LONG'] = 'true';
    else if (seed) env['CARETAKER_CHAOS_SEED'] = wholeNumber(seed[1] ?? given[++index]);
    else args.push(arg);
  }
  return { args, env };
}

function wholeNumber(text: string | undefined): string {
  if (text !== undefined && /^\d+$/.test(text)) return text;
  throw new Error(`--seed: give the number that a failed sweep printed, as in --seed 17; got ${text ?? 'nothing'}`);
}
