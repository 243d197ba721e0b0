import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';
import { hostHere, type HostHere } from '../helpers/jobs-here.ts';

let host: HostHere;
beforeEach(async () => {
  host = await hostHere();
});
afterEach(() => host.close());

/** With an `apt-get` that says what it would remove and whether it was let do so. */
async function autoremove(wouldRemove: string): Promise<unknown> {
  await host.program('apt-get', `if [ "$1" = -s ]; then echo 'Remv ${wouldRemove} [1]'; else echo REMOVED; fi`);
  const input = {
    node: 'pve1',
    jobId: 'autoremove-1',
    keepKernels: ['6.14.8-2-pve', '6.14.11-1-pve'],
    within: '1 minute',
  } as const;
  return activityEnvironment()
    .run(activitiesOver(fakeDeps(host.world)).removeUnusedPackages, input)
    .then(host.log, (error: Error) => error.message);
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
