import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecResult } from '../../clients/ssh/index.ts';
import type { FakeWorld } from './fake-deps.ts';

/** A host on which lines and jobs run under the shell of this machine, with programs of the test first in their path. */
export interface HostHere {
  readonly folder: string;
  /** Output of all jobs so far. */
  readonly log: () => string;
  readonly program: (name: string, script: string) => Promise<void>;
  readonly world: Required<Pick<FakeWorld, 'exec' | 'jobs'>>;
  readonly close: () => Promise<void>;
}

export async function hostHere(): Promise<HostHere> {
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-host-'));
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, HOST: folder };
  const run = (line: string): Promise<ExecResult> =>
    new Promise((resolve) => {
      execFile('sh', ['-c', line], { env }, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : 0;
        resolve({ code, signal: undefined, stdout, stderr, truncated: false });
      });
    });
  const ends = new Map<string, ExecResult>();
  return {
    folder,
    log: () => [...ends.values()].map(({ stdout, stderr }) => stdout + stderr).join(''),
    program: (name, script) => writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    world: {
      exec: (_, line) => run(line),
      jobs: {
        ensureStarted: async ({ id, command }) => {
          if (ends.has(id)) return 'finished';
          ends.set(id, await run(command));
          return 'started';
        },
        follow: ({ id, onChunk }) => {
          const end = ends.get(id);
          onChunk?.(`${end?.stdout}${end?.stderr}`, 0);
          return Promise.resolve({ state: 'finished', exitCode: end?.code } as never);
        },
      },
    },
    close: () => rm(folder, { recursive: true }),
  };
}
