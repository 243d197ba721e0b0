import { describe, it } from 'vitest';

/**
 * One test for each seed, two at a time. A failure ends with the command that repeats it.
 *
 * @param sentence What holds, whatever the seed.
 */
export function sweep(sentence: string, seeds: readonly number[], run: (seed: number) => Promise<void>): void {
  describe.concurrent(sentence, () => {
    it.for(seeds)('seed %i', async (seed, { task }) => {
      try {
        await run(seed);
      } catch (error) {
        const repeat = `Repeat it: npm run test:chaos -- ${task.file.name} --seed ${seed}`;
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${repeat}`, { cause: error });
      }
    });
  });
}
