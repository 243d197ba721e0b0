import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RollLab } from '../../../scripts/lib/roll-lab.ts';
import type { Supervisor } from './boundaries.ts';

const FOLDER = fileURLToPath(new URL('../../../.caretaker/test-results/chaos', import.meta.url));

/** Writes what the lab saw, what the workers printed and how it ended; returns the folder. */
async function keepEvidence(roll: RollLab, supervisor: Supervisor, end: unknown): Promise<string> {
  const folder = join(FOLDER, roll.namespace);
  await mkdir(folder, { recursive: true });
  const events = roll.lab.log.events.map((event) => `${JSON.stringify(event)}\n`).join('');
  await writeFile(join(folder, 'events.jsonl'), events);
  await writeFile(join(folder, 'workers.log'), supervisor.output());
  await writeFile(join(folder, 'end.json'), JSON.stringify({ kills: supervisor.kills, end: end ?? null }, null, 2));
  return folder;
}

/** A failure that names its evidence. */
export async function withEvidence(
  error: unknown,
  { roll, supervisor, end }: { readonly roll: RollLab; readonly supervisor: Supervisor; readonly end: unknown },
): Promise<Error> {
  const folder = await keepEvidence(roll, supervisor, end);
  return new Error(`${error instanceof Error ? error.message : String(error)}\nEvidence: ${folder}`, { cause: error });
}

/** A long sweep shows how far it is, and what it came to if it is broken off: one line of JSON a seed. */
export async function noteOutcome(file: string, seed: number, outcome: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await appendFile(join(FOLDER, 'outcomes.jsonl'), `${JSON.stringify({ file, seed, outcome })}\n`);
}
