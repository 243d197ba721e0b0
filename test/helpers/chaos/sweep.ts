import { afterAll, describe, it } from 'vitest';
import { noteOutcome } from './evidence.ts';

/**
 * One test for each seed, two at a time. A failure ends with the command that repeats it; at the end it is counted how
 * the seeds ended.
 *
 * @param sentence What holds, whatever the seed.
 * @param run Throws when it does not hold; says in some words how it ended.
 */
export function sweep(sentence: string, seeds: readonly number[], run: (seed: number) => Promise<string>): void {
  const ends: string[] = [];
  describe.concurrent(sentence, () => {
    it.for(seeds)('seed %i', async (seed, { task }) => {
      try {
        const end = await run(seed);
        ends.push(end);
        await noteOutcome(task.file.name, seed, end);
      } catch (error) {
        const repeat = `Repeat it: npm run test:chaos -- ${task.file.name} --seed ${seed}`;
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${repeat}`, { cause: error });
      }
    });
    afterAll(() => {
      const counts = new Map<string, number>();
      for (const end of ends) counts.set(end, (counts.get(end) ?? 0) + 1);
      const table = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([end, count]) => `  ${count} × ${end}`);
      process.stdout.write([`${sentence} ${ends.length} of ${seeds.length} seeds`, ...table, ''].join('\n'));
    });
  });
}
