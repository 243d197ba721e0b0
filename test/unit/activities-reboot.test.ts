import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import type { ProxmoxClient } from '../../clients/proxmox/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import {
  activitiesOver,
  activityEnvironment,
  answered,
  clientError,
  exited,
  fakeDeps,
  taskFailed,
} from '../helpers/fake-deps.ts';
import { NEW_KERNEL } from '../helpers/builders.ts';

const down = clientError('retryable', 'SSH to root@pve1: connection refused');

/** A node that shows one boot after the other, look by look, the last one for ever; `null` is a node that is down. */
function aNodeThatShows(...boots: (string | null)[]) {
  const requests: string[] = [];
  const exec = (_: string, line: string) => {
    if (line.includes('systemctl reboot')) {
      requests.push(line);
      return answered('');
    }
    const boot = boots.length > 1 ? boots.shift() : boots[0];
    if (typeof boot !== 'string') throw down;
    return answered(`${boot}\n${NEW_KERNEL}\n`);
  };
  return { requests, exec };
}

function reboot(
  exec: ReturnType<typeof aNodeThatShows>['exec'],
  within: '1 minute' | '1 second' | '20 ms' = '1 minute',
) {
  const { rebootNode } = activitiesOver(fakeDeps({ exec }));
  return activityEnvironment().run(rebootNode, { node: 'pve1', bootId: 'boot-1', within });
}

describe('rebooting a node', () => {
  it('asks once, waits through the time it is down, and returns the new boot', async () => {
    const { requests, exec } = aNodeThatShows('boot-1', 'boot-1', null, null, 'boot-2');
    expect(await reboot(exec)).toEqual({ bootId: 'boot-2', runningKernel: NEW_KERNEL });
    expect(requests).toHaveLength(1);
  });

  it('asks for nothing when the boot has ended already', async () => {
    const { requests, exec } = aNodeThatShows('boot-2');
    expect(await reboot(exec)).toMatchObject({ bootId: 'boot-2' });
    expect(requests).toEqual([]);
  });

  it('lets the node itself compare the boot id, so that a late request ends no second boot', async () => {
    const { requests, exec } = aNodeThatShows('boot-1', 'boot-2');
    await reboot(exec);
    expect(requests).toEqual([`[ "$(cat /proc/sys/kernel/random/boot_id)" = boot-1 ] && systemctl reboot`]);
  });

  it('takes a connection that breaks under the request for what it is', async () => {
    const { exec } = aNodeThatShows('boot-1', null, 'boot-2');
    const breaking = (node: string, line: string) => {
      if (line.includes('systemctl reboot')) throw clientError('unknown', 'connection lost');
      return exec(node, line);
    };
    expect(await reboot(breaking)).toMatchObject({ bootId: 'boot-2' });
  });

  it('asks again when a request shows no effect for long', async () => {
    const { requests, exec } = aNodeThatShows(...Array.from({ length: 31 }, () => 'boot-1'), 'boot-2');
    await reboot(exec);
    expect(requests).toHaveLength(2);
  });

  it('says that the request was swallowed when the node never goes down', async () => {
    await expect(reboot(aNodeThatShows('boot-1').exec, '20 ms')).rejects.toMatchObject({
      type: 'RebootNotProven',
      nonRetryable: true,
      message: expect.stringMatching(/still up with its old boot id.*molly-guard.*console \(iDRAC, IPMI\)/) as string,
    });
  });

  it('tells a node that came back unrebooted from one that never went down', async () => {
    await expect(reboot(aNodeThatShows('boot-1', null, 'boot-1').exec, '1 second')).rejects.toMatchObject({
      type: 'RebootNotProven',
      message: expect.stringContaining('answers again with its old boot id') as string,
    });
  });

  it('says that the node is down when it does not come back', async () => {
    await expect(reboot(aNodeThatShows('boot-1', null).exec, '1 second')).rejects.toMatchObject({
      type: 'RebootNotProven',
      message: expect.stringContaining('it is down or does not answer') as string,
    });
  });

  it('waits on while the node refuses the key, as it does before /etc/pve is mounted', async () => {
    const { exec } = aNodeThatShows('boot-1', null, 'boot-2');
    let refusals = 3;
    const booting = (node: string, line: string) => {
      const shown = exec(node, line);
      if (!shown.stdout.includes('boot-2') || refusals-- <= 0) return shown;
      throw new SshError('SshAuthentication', 'refused', 'root@pve1', 'the host does not accept the key');
    };
    expect(await reboot(booting)).toMatchObject({ bootId: 'boot-2' });
    expect(refusals).toBeLessThan(0);
  });

  it('waits on while the node takes connections but runs nothing', async () => {
    const { exec } = aNodeThatShows('boot-1', null, 'boot-2');
    let refusals = 2;
    const booting = (node: string, line: string) => {
      const shown = exec(node, line);
      return shown.stdout.includes('boot-2') && refusals-- > 0 ? exited(1, 'System is booting up.') : shown;
    };
    expect(await reboot(booting)).toMatchObject({ bootId: 'boot-2' });
  });

  it('stops at once when the host key is not the known one', async () => {
    const changed = clientError('refused', 'SSH to root@pve1: its host key has changed');
    const exec = () => {
      throw changed;
    };
    await expect(reboot(exec)).rejects.toMatchObject({ type: 'RemoteRefused', nonRetryable: true });
  });
});

describe('waiting for a node to be a full member', () => {
  const expected = { bootIdBefore: 'boot-1', kernel: NEW_KERNEL, services: ['corosync'], storages: ['local'] };

  /** A node whose corosync is up or down, look by look. */
  function aNodeWhoseCorosync(...up: boolean[]) {
    const looks = { count: 0 };
    const proxmox: Partial<ProxmoxClient> = {
      clusterStatus: () =>
        Promise.resolve({
          name: 'homelab',
          quorate: true,
          nodes: [{ name: 'pve1', nodeId: 1, address: undefined, online: true, local: false }],
        }),
      services: () => {
        looks.count += 1;
        const activeState = (up.length > 1 ? up.shift() : up[0]) ? 'active' : 'inactive';
        return Promise.resolve([{ name: 'corosync', state: 'unknown', activeState, unitState: 'enabled' }]);
      },
      storages: () => Promise.resolve([]),
      haStatus: () => Promise.resolve([]),
    };
    return { looks, proxmox: { ...proxmox, storages: () => Promise.resolve([aStorage('local')]) } };
  }

  function aStorage(storage: string) {
    const sizes = { total: undefined, used: undefined, available: undefined };
    return { storage, type: 'dir', content: [], enabled: true, active: true, shared: false, ...sizes };
  }

  const API_CALL = { method: 'GET', path: '/cluster/status', endpoint: 'pve1' };

  it.each([
    [401, 'Authentication failed!'],
    [403, 'Permission check failed (/, Sys.Audit)'],
    [500, 'Unable to load access control list: Connection refused'],
    [500, "hostname lookup 'pve1' failed - failed to get address info for: pve1: Name or service not known"],
  ])('waits on when a call is answered with %i %s', async (status, statusText) => {
    const { proxmox } = aNodeWhoseCorosync(true);
    const { services } = proxmox;
    let refusals = 3;
    const booting = (node: string) =>
      refusals-- > 0 ? Promise.reject(errorFromAnswer(API_CALL, { status, statusText, body: '' })) : services!(node);
    expect(await rejoin({ ...proxmox, services: booting }, 1)).toMatchObject({ activeServices: ['corosync'] });
  });

  it('waits on while the node refuses the SSH key', async () => {
    const { proxmox } = aNodeWhoseCorosync(true);
    let refusals = 3;
    const exec = () => {
      if (refusals-- > 0) throw new SshError('SshAuthentication', 'refused', 'root@pve1', 'no key');
      return answered(`boot-2\n${NEW_KERNEL}\n`);
    };
    const { awaitRejoin } = activitiesOver(fakeDeps({ proxmox, exec, stablePolls: 1 }));
    const input = { node: 'pve1', expected, within: '1 minute' } as const;
    expect(await activityEnvironment().run(awaitRejoin, input)).toMatchObject({ bootId: 'boot-2' });
  });

  it.each(['ProxmoxTls', 'SshHostKeyChanged', 'SshHostKeyUnknown'])('ends at once with %s', async (type) => {
    const { proxmox } = aNodeWhoseCorosync(true);
    const stranger = Object.assign(clientError('refused', 'not the one we know'), { type });
    await expect(rejoin({ ...proxmox, storages: () => Promise.reject(stranger) }, 1)).rejects.toMatchObject({
      type: 'RemoteRefused',
      nonRetryable: true,
    });
  });

  it.each(['clusterStatus', 'services', 'storages', 'haStatus'] as const)(
    'needs all that the node shows before, so nothing is noted while %s does not answer',
    async (silent) => {
      const { proxmox } = aNodeWhoseCorosync(true);
      const exec = () => answered(`boot-1\n${NEW_KERNEL}\n`);
      const broken = { ...proxmox, [silent]: () => Promise.reject(clientError('retryable', '595')) };
      const { readNodeHealth } = activitiesOver(fakeDeps({ proxmox: broken, exec }));
      await expect(activityEnvironment().run(readNodeHealth, { node: 'pve1' })).rejects.toMatchObject({
        type: 'RemoteUnavailable',
        nonRetryable: false,
      });
    },
  );

  it('needs the boot id of the node before, too', async () => {
    const { proxmox } = aNodeWhoseCorosync(true);
    const { readNodeHealth } = activitiesOver(fakeDeps({ proxmox, exec: aNodeThatShows(null).exec }));
    await expect(activityEnvironment().run(readNodeHealth, { node: 'pve1' })).rejects.toMatchObject({
      type: 'RemoteUnavailable',
      nonRetryable: false,
    });
  });

  function rejoin(proxmox: Partial<ProxmoxClient>, stablePolls: number, within: '1 minute' | '20 ms' = '1 minute') {
    const exec = () => answered(`boot-2\n${NEW_KERNEL}\n`);
    const { awaitRejoin } = activitiesOver(fakeDeps({ proxmox, exec, stablePolls }));
    return activityEnvironment().run(awaitRejoin, { node: 'pve1', expected, within });
  }

  it('takes as many good looks in a row as asked for', async () => {
    const { looks, proxmox } = aNodeWhoseCorosync(true);
    expect(await rejoin(proxmox, 3)).toMatchObject({ bootId: 'boot-2', activeServices: ['corosync'] });
    expect(looks.count).toBe(3);
  });

  it('counts anew after a bad look in between', async () => {
    const { looks, proxmox } = aNodeWhoseCorosync(true, false, true, true);
    await rejoin(proxmox, 2);
    expect(looks.count).toBe(4);
  });

  it('fails with all that is missing and where to look', async () => {
    const { proxmox } = aNodeWhoseCorosync(false);
    await expect(rejoin(proxmox, 1, '20 ms')).rejects.toMatchObject({
      type: 'RejoinFailed',
      message: expect.stringMatching(/service corosync is not active.*pvecm status, systemctl --failed/) as string,
    });
  });

  it('counts what does not answer as missing, not as an error', async () => {
    const { proxmox } = aNodeWhoseCorosync(true);
    const silent = { ...proxmox, storages: () => Promise.reject(clientError('retryable', '595')) };
    await expect(rejoin(silent, 1, '20 ms')).rejects.toMatchObject({
      message: expect.stringContaining('storage local is not active') as string,
    });
  });
});

describe('the software of a node', () => {
  const packages: Partial<ProxmoxClient> = {
    pendingPackages: () => Promise.resolve([]),
    packageVersions: () =>
      Promise.resolve(
        [
          ['proxmox-kernel-6.14.8-2-pve-signed', 'Installed'],
          ['proxmox-kernel-6.14.11-1-pve-signed', 'NotInstalled'],
          ['proxmox-kernel-6.14', 'Installed'],
        ].map(([name = '', state = '']) => ({ name, state, installed: '1', candidate: '1', runningKernel: undefined })),
      ),
  };

  it('has installed kernels, pins and the boot id, and no lists are fetched unless asked for', async () => {
    const exec = () =>
      answered('boot-1\n6.14.8-2-pve\nproxmox-boot-pin=6.14.8-2-pve\n\nnext-boot-pin=\n\nproxmox-boot-tool=yes\n');
    const { readNodeSoftware } = activitiesOver(fakeDeps({ proxmox: packages, exec }));
    expect(await activityEnvironment().run(readNodeSoftware, { node: 'pve1', refresh: false })).toEqual({
      node: 'pve1',
      refreshError: null,
      pending: [],
      kernels: {
        running: '6.14.8-2-pve',
        installed: ['6.14.8-2-pve'],
        pinned: '6.14.8-2-pve',
        nextBoot: null,
        canPin: true,
      },
      bootId: 'boot-1',
    });
  });

  describe('whose package lists cannot be refreshed', () => {
    const refused =
      'E: Failed to fetch https://enterprise.proxmox.com/debian/pve/dists/trixie/InRelease  401  Unauthorized';
    const refresh: Partial<ProxmoxClient> = {
      findRunningTask: () => Promise.resolve(undefined),
      startTask: ({ post }) => post(),
      refreshPackages: () => Promise.resolve('refresh'),
      task: (upid) => ({
        upid,
        follow: () =>
          Promise.resolve({
            ...taskFailed("command 'apt-get update' failed: exit code 100"),
            log: ['starting apt-get update', refused],
          }),
        stop: () => Promise.resolve(),
      }),
    };
    const exec = () => answered('boot-1\n6.14.8-2-pve\nproxmox-boot-pin=\n\nnext-boot-pin=\n');
    const readNodeSoftware = activitiesOver(fakeDeps({ proxmox: { ...packages, ...refresh }, exec })).readNodeSoftware;

    it('is asked for again, for a mirror may come back', async () => {
      await expect(activityEnvironment().run(readNodeSoftware, { node: 'pve1', refresh: true })).rejects.toMatchObject({
        type: 'RemoteUnavailable',
        nonRetryable: false,
        message: expect.stringMatching(/cannot be refreshed.*401/) as string,
      });
    });

    it('is told with the words of apt when it still fails', async () => {
      const environment = activityEnvironment({ attempt: 3 });
      expect(await environment.run(readNodeSoftware, { node: 'pve1', refresh: true })).toMatchObject({
        refreshError: expect.stringContaining(refused) as string,
      });
    });
  });

  it('is asked for again when the node answers with an error', async () => {
    const { readNodeSoftware } = activitiesOver(
      fakeDeps({ proxmox: packages, exec: () => exited(1, 'fork: no memory') }),
    );
    await expect(activityEnvironment().run(readNodeSoftware, { node: 'pve1', refresh: false })).rejects.toMatchObject({
      type: 'RemoteUnavailable',
      nonRetryable: false,
      message: expect.stringContaining('fork: no memory') as string,
    });
  });
});
