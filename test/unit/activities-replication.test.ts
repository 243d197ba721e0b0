import { describe, expect, it } from 'vitest';
import type { ProxmoxClient, Replication } from '../../clients/proxmox/index.ts';
import { activitiesOver, activityEnvironment, clientError, fakeDeps } from '../helpers/fake-deps.ts';

function aJob(changes: Partial<Replication> = {}): Replication {
  return {
    ...{ id: '100-0', guest: 100, target: 'pve2', nextSync: undefined, lastSync: 1_000, failCount: 0 },
    ...{ error: undefined, running: false, disabled: false },
    ...changes,
  };
}

/** The jobs of pve1, look by look; the last stays. `asked` lists the calls of `schedule_now`. */
function replicating(...looks: Replication[][]) {
  const asked: string[] = [];
  const proxmox: Partial<ProxmoxClient> = {
    replications: () => Promise.resolve((looks.length > 1 ? looks.shift() : looks[0]) ?? []),
    scheduleReplication: (node, id) => {
      asked.push(`${id} on ${node}`);
      return Promise.resolve();
    },
  };
  return { asked, proxmox };
}

function sync(
  { proxmox }: { proxmox: Partial<ProxmoxClient> },
  { target = 'pve2', within = '1 minute' }: { target?: string | null; within?: '1 minute' | '20 ms' } = {},
  info: { heartbeatDetails?: unknown } = {},
) {
  const { syncReplication } = activitiesOver(fakeDeps({ proxmox }));
  return activityEnvironment(info).run(syncReplication, { vmid: 100, name: 'web', node: 'pve1', target, within });
}

describe('the replication before a move', () => {
  it('is asked for and waited for until it is newer than the request', async () => {
    const world = replicating([aJob()], [aJob({ running: true })], [aJob({ lastSync: 1_060 })]);
    await sync(world);
    expect(world.asked).toEqual(['100-0 on pve1']);
  });

  it('does not count while it still runs, however new it is', async () => {
    const running = replicating([aJob({ lastSync: 1_060, running: true })]);
    const before = { '100-0': { lastSync: 1_000, failCount: 0 } };
    await expect(sync(running, { within: '20 ms' }, { heartbeatDetails: { before } })).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('job 100-0 to pve2 runs') as string,
    });
  });

  it('is no matter of other targets, other guests and jobs that are disabled', async () => {
    const world = replicating([
      aJob({ target: 'pve3' }),
      aJob({ id: '101-0', guest: 101 }),
      aJob({ id: '100-1', disabled: true }),
    ]);
    await sync(world);
    expect(world.asked).toEqual([]);
  });

  it('is done to all targets when the HA manager chooses', async () => {
    const jobs = [aJob(), aJob({ id: '100-1', target: 'pve3' })];
    const world = replicating(
      jobs,
      jobs.map((job) => ({ ...job, lastSync: 1_060 })),
    );
    await sync(world, { target: null });
    expect(world.asked).toEqual(['100-0 on pve1', '100-1 on pve1']);
  });

  it('that failed before may mend itself by the next try', async () => {
    const world = replicating([aJob({ failCount: 2, error: 'timeout' })], [aJob({ lastSync: 1_060 })]);
    await sync(world);
    expect(world.asked).toEqual(['100-0 on pve1']);
  });

  it('that fails again and again keeps the guest where it is, with the reason of Proxmox', async () => {
    const failing = [0, 1, 2, 3].map((failCount) => [aJob({ failCount, error: 'no space left on device' })]);
    const world = replicating(...failing);
    await expect(sync(world)).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      nonRetryable: true,
      message: expect.stringContaining('no space left on device') as string,
    });
    expect(world.asked).toHaveLength(3);
  });

  it('that an earlier attempt has brought about is not done again', async () => {
    const world = replicating([aJob({ lastSync: 1_060 })]);
    const before = { '100-0': { lastSync: 1_000, failCount: 0 } };
    await sync(world, {}, { heartbeatDetails: { before, waitingFor: 'job 100-0 to pve2 is due' } });
    expect(world.asked).toEqual([]);
  });

  it('is asked for again when the node did not answer', async () => {
    const world = replicating([aJob()], [aJob()], [aJob({ lastSync: 1_060 })]);
    let silent = true;
    const scheduleReplication: ProxmoxClient['scheduleReplication'] = (...call) => {
      if (!silent) return world.proxmox.scheduleReplication?.(...call) ?? Promise.resolve();
      silent = false;
      return Promise.reject(clientError('retryable', 'connection refused'));
    };
    await sync({ proxmox: { ...world.proxmox, scheduleReplication } });
    expect(world.asked).toEqual(['100-0 on pve1']);
  });
});
