import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-autoremove-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the job of the activity here, with an `apt-get` that says what it would remove and whether it was let do so. */
async function autoremove(wouldRemove: string): Promise<unknown> {
  const apt = `#!/bin/sh\nif [ "$1" = -s ]; then echo 'Remv ${wouldRemove} [1]'; else echo REMOVED; fi\n`;
  await writeFile(join(folder, 'apt-get'), apt, { mode: 0o755 });
  let end = { code: -1, log: '' };
  const deps = fakeDeps({
    jobs: {
      ensureStarted: async ({ command }) => {
        end = await new Promise((resolve) => {
          const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
          execFile('sh', ['-c', command], { env }, (error, stdout, stderr) =>
            resolve({ code: typeof error?.code === 'number' ? error.code : 0, log: stdout + stderr }),
          );
        });
        return 'started';
      },
      follow: ({ onChunk }) => {
        onChunk?.(end.log, 0);
        return Promise.resolve({ state: 'finished', exitCode: end.code } as never);
      },
    },
  });
  const input = {
    node: 'pve1',
    jobId: 'autoremove-1',
    keepKernels: ['6.14.8-2-pve', '6.14.11-1-pve'],
    within: '1 minute',
  } as const;
  return activityEnvironment()
    .run(activitiesOver(deps).removeUnusedPackages, input)
    .then(
      () => end.log,
      (error: Error) => error.message,
    );
}

describe('apt-get autoremove', () => {
  it('runs when it would take none of the kernels that are to be kept', async () => {
    expect(await autoremove('proxmox-kernel-6.14.8-1-pve-signed')).toContain('REMOVED');
  });

  it.each(['proxmox-kernel-6.14.8-2-pve-signed', 'pve-kernel-6.14.11-1-pve'])(
    'removes nothing when it would take %s',
    async (name) => {
      const message = await autoremove(name);
      expect(message).toContain('E: autoremove would remove the kernel 6.14');
      expect(message).not.toContain('REMOVED');
    },
  );
});
