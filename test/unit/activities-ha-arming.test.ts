import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import type { HaManagerStatus, HaStatusLine, ProxmoxClient, ClusterStatus } from '../../clients/proxmox/index.ts';
import type { EnsureHaArmedInput } from '../../activities/ha-arming.ts';
import type { Duration } from '../../domain/duration.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

interface Word {
  readonly armed: string;
  readonly lrm?: string;
  readonly service?: string;
}

/** What the HA manager says, look by look; the last word stays. */
function haSays(...words: Word[]) {
  const asked: string[] = [];
  let current: Word = { armed: 'unknown' };
  const proxmox: Partial<ProxmoxClient> = {
    haStatus: () => {
      current = (words.length > 1 ? words.shift() : words[0]) ?? current;
      const none = { node: undefined, quorate: undefined, timestamp: undefined, sid: undefined, state: undefined };
      const line: HaStatusLine = {
        ...{ id: 'fencing', type: 'fencing', status: current.armed, armedState: current.armed },
        ...{ requestState: undefined, crmState: undefined },
        ...none,
      };
      return Promise.resolve([line]);
    },
    haManagerStatus: () => Promise.resolve(managerSays(current)),
    clusterStatus: () => Promise.resolve(clusterOf({ name: 'pve1', online: true }, { name: 'pve2', online: true })),
    disarmHa: (mode) => {
      asked.push(`disarm ${mode}`);
      return Promise.resolve();
    },
    armHa: () => {
      asked.push('arm');
      return Promise.resolve();
    },
  };
  return { asked, proxmox };
}

function managerSays({ armed, lrm = 'wait_for_agent_lock', service = 'started' }: Word): HaManagerStatus {
  return {
    ...{ master: 'pve1', timestamp: 0, quorate: true, nodes: new Map(), maintenanceRequested: new Set() },
    disarmed: armed === 'disarmed' || armed === 'disarming',
    services: [
      { sid: 'vm:100', node: 'pve1', state: service, running: true, target: undefined, maintenanceNode: undefined },
    ],
    lrm: new Map([['pve1', { mode: 'active', state: lrm, timestamp: 0 }]]),
  };
}

function clusterOf(...nodes: { name: string; online: boolean }[]): ClusterStatus {
  const parts = nodes.map((node, index) => ({ ...node, nodeid: index + 1, local: index === 0, ip: undefined }));
  return { name: 'homelab', quorate: true, nodes: parts } as unknown as ClusterStatus;
}

function pve2Away(): Promise<ClusterStatus> {
  return Promise.resolve(clusterOf({ name: 'pve1', online: true }, { name: 'pve2', online: false }));
}

function ensure(
  proxmox: Partial<ProxmoxClient>,
  armed: boolean,
  within: Duration = '1 minute',
  how: Pick<EnsureHaArmedInput, 'mode' | 'nodes'> = {},
) {
  const { ensureHaArmed } = activitiesOver(fakeDeps({ proxmox }));
  return activityEnvironment().run(ensureHaArmed, { armed, within, ...how });
}

function notImplemented(): Promise<never> {
  const call = { method: 'POST', path: '/cluster/ha/status/disarm-ha', endpoint: 'pve1' };
  const statusText = `Method 'POST ${call.path}' not implemented`;
  return Promise.reject(errorFromAnswer(call, { status: 501, statusText, body: '' }));
}

describe('HA', () => {
  it('is disarmed when it says so and no resource manager is active any more', async () => {
    const { asked, proxmox } = haSays(
      { armed: 'armed', lrm: 'active' },
      { armed: 'disarming', lrm: 'active' },
      { armed: 'disarmed', lrm: 'active' },
      { armed: 'disarmed' },
    );
    await ensure(proxmox, false);
    expect(asked).toEqual(['disarm freeze']);
  });

  it('lets go of its services where that is asked for', async () => {
    const { asked, proxmox } = haSays({ armed: 'armed', lrm: 'active' }, { armed: 'disarmed' });
    await ensure(proxmox, false, '1 minute', { mode: 'ignore' });
    expect(asked).toEqual(['disarm ignore']);
  });

  it('does not count as disarmed because it was told to be', async () => {
    const { proxmox } = haSays({ armed: 'armed', lrm: 'active' });
    await expect(ensure(proxmox, false, '20 ms')).rejects.toMatchObject({
      message: expect.stringContaining('it says "armed"') as string,
    });
  });

  it('is told again when the HA manager lost the command without a word', async () => {
    const { asked, proxmox } = haSays(...Array.from({ length: 14 }, (): Word => ({ armed: 'armed' })), {
      armed: 'disarmed',
    });
    await ensure(proxmox, false);
    expect(asked.length).toBeGreaterThan(1);
  });

  it('of a release that cannot be disarmed makes the run fail at once', async () => {
    const { proxmox } = haSays({ armed: 'armed', lrm: 'active' });
    await expect(ensure({ ...proxmox, disarmHa: notImplemented }, false)).rejects.toMatchObject({
      type: 'RemoteRefused',
      nonRetryable: true,
    });
  });

  it('is armed by command even if it seems armed, for a command to disarm may still be queued', async () => {
    const { asked, proxmox } = haSays({ armed: 'armed' });
    await ensure(proxmox, true);
    expect(asked).toEqual(['arm']);
  });

  it('is armed again when its services have thawed', async () => {
    const { asked, proxmox } = haSays(
      { armed: 'disarmed', service: 'freeze' },
      { armed: 'armed', service: 'freeze' },
      { armed: 'armed' },
    );
    await ensure(proxmox, true);
    expect(asked).toEqual(['arm']);
  });

  it('is not armed while a node is away, for the watchdogs would reset the others', async () => {
    const { asked, proxmox } = haSays({ armed: 'disarmed' });
    await expect(ensure({ ...proxmox, clusterStatus: pve2Away }, true, '20 ms')).rejects.toMatchObject({
      message: expect.stringContaining('pve2 to come back') as string,
    });
    expect(asked).toEqual([]);
  });

  it('is armed while a node is away that need not be there, as one that was off before the outage', async () => {
    const { asked, proxmox } = haSays({ armed: 'disarmed' }, { armed: 'armed' });
    await ensure({ ...proxmox, clusterStatus: pve2Away }, true, '1 minute', { nodes: ['pve1'] });
    expect(asked).toEqual(['arm']);
    const without = haSays({ armed: 'disarmed' });
    const awaited = ensure({ ...without.proxmox, clusterStatus: pve2Away }, true, '20 ms', { nodes: ['pve1', 'pve2'] });
    await expect(awaited).rejects.toThrow('pve2 to come back');
    expect(without.asked).toEqual([]);
  });

  it('is not armed while the cluster has no quorum', async () => {
    const { asked, proxmox } = haSays({ armed: 'disarmed' });
    const clusterStatus = () => Promise.resolve({ ...clusterOf({ name: 'pve1', online: true }), quorate: false });
    await expect(ensure({ ...proxmox, clusterStatus }, true, '20 ms')).rejects.toThrow('the cluster to be quorate');
    expect(asked).toEqual([]);
  });

  it('that somebody else has armed while a node is away needs no command', async () => {
    const { asked, proxmox } = haSays({ armed: 'disarmed' }, { armed: 'armed' });
    await ensure({ ...proxmox, clusterStatus: pve2Away }, true);
    expect(asked).toEqual([]);
  });

  it('is not believed to be armed while a command to disarm may still be queued', async () => {
    const soon = Array.from({ length: 20 }, (): Word => ({ armed: 'armed' }));
    const { asked, proxmox } = haSays(...soon, { armed: 'disarming' }, ...soon, { armed: 'disarmed' });
    await expect(ensure({ ...proxmox, clusterStatus: pve2Away }, true, '1 second')).rejects.toThrow(
      'pve2 to come back',
    );
    expect(asked).toEqual([]);
  });

  it('is not believed to be armed by a cluster without quorum, which says what was', async () => {
    const { proxmox } = haSays({ armed: 'armed' });
    const clusterStatus = async () => ({ ...(await pve2Away()), quorate: false });
    await expect(ensure({ ...proxmox, clusterStatus }, true, '1 second')).rejects.toThrow('pve2 to come back');
  });

  it('needs no arming where it cannot have been disarmed', async () => {
    const { proxmox } = haSays({ armed: 'unknown' });
    await ensure({ ...proxmox, armHa: notImplemented }, true);
  });
});
