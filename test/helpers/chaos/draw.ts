import { createHash } from 'node:crypto';

/**
 * A number from 0 to below 1 that depends on the seed and the words alone. Chance is drawn for each thing by its name
 * and not from one stream: in a run of several processes the order of things differs from time to time.
 */
export function draw(seed: number, ...words: (string | number)[]): number {
  const hash = createHash('sha256').update(JSON.stringify([seed, ...words]));
  return hash.digest().readUInt32BE(0) / 2 ** 32;
}

/** A whole number from `from` to `to`, both included. */
export function drawWhole(range: { from: number; to: number }, seed: number, ...words: (string | number)[]): number {
  return range.from + Math.floor(draw(seed, ...words) * (range.to - range.from + 1));
}

export function drawOne<T>(choices: readonly T[], seed: number, ...words: (string | number)[]): T {
  return choices[Math.floor(draw(seed, ...words) * choices.length)] as T;
}
