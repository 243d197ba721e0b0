/**
 * Words of `ups.status`, each once, in alphabetical order: `OB DISCHRG LB` is `['DISCHRG', 'LB', 'OB']`. Their order on
 * the wire means nothing, and drivers add words of their own.
 *
 * - `OL`, `OB`: on mains, on battery; `LB`: battery low; `RB`: battery to be replaced; `HB`: battery high
 * - `CHRG`, `DISCHRG`, `CAL`, `TEST`: what the battery does
 * - `BYPASS`, `TRIM`, `BOOST`, `OVER`, `OFF`, `ALARM`: what the output does
 * - `FSD`: the NUT server has told everybody to shut down
 * - `WAIT`: the driver does not know yet
 */
export type StatusWords = readonly string[];

export function parseStatus(text: string): StatusWords {
  const words = text
    .toUpperCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...new Set(words)].sort();
}

export function hasWord(status: StatusWords, word: string): boolean {
  return status.includes(word);
}

/** A number that a UPS reports, or why there is none. */
export type Measurement = { readonly value: number } | { readonly absent: string };

/** What a UPS said of itself at one moment. */
export interface PowerReading {
  /** Empty when it said nothing: then it is neither on mains nor on battery. */
  readonly status: StatusWords;
  /** Percent, 0 to 100. */
  readonly charge: Measurement;
  /** Seconds that the battery would last. */
  readonly runtime: Measurement;
  /** Percent of what it can give; an overloaded one says more than 100. */
  readonly load: Measurement;
  /** Volts */
  readonly inputVoltage: Measurement;
}
