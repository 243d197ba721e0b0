import { describe, expect, it } from 'vitest';
import type { ClusterMember, ProxmoxClient } from '../../clients/proxmox/index.ts';
import {
  activitiesOver,
  activityEnvironment,
  answered,
  clientError,
  exited,
  fakeDeps,
  type FakeWorld,
} from '../helpers/fake-deps.ts';

type HaWord = readonly [state: string, requested: boolean];

/** The HA manager's word for pve1, look by look; the last one stays. */
function haSays(...words: HaWord[]): Partial<ProxmoxClient> {
  return {
    haManagerStatus: () => {
      const [state, requested] = (words.length > 1 ? words.shift() : words[0]) ?? ['unknown', false];
      return Promise.resolve({
        master: 'pve2',
        timestamp: 0,
        quorate: true,
        nodes: new Map([['pve1', state]]),
        maintenanceRequested: new Set(requested ? ['pve1'] : []),
        services: [],
        lrm: new Map(),
        disarmed: false,
      });
    },
    clusterStatus: () =>
      Promise.resolve({
        name: 'homelab',
        quorate: true,
        nodes: ['pve1', 'pve2', 'pve3'].map((name, index) => member(name, index)),
      }),
  };
}

function member(name: string, index: number): ClusterMember {
  return { name, nodeId: index + 1, address: undefined, online: true, local: index === 1 };
}

/** What is done on the node itself beside the flag: the mark that says whose it is. */
const MARKS = /\/var\/lib\/caretaker\/jobs\/maintenance/;

/** Answers to commands, but for those about the mark, which work. */
function withMarks(world: FakeWorld): FakeWorld {
  const { exec } = world;
  return {
    ...world,
    exec: (node, line) => {
      if (MARKS.test(line)) return answered('');
      if (!exec) throw new Error(`the test did not expect the command "${line}" on ${node}`);
      return exec(node, line);
    },
  };
}

function ensure(on: boolean, world: FakeWorld) {
  const { ensureMaintenance } = activitiesOver(fakeDeps(withMarks(world)));
  return activityEnvironment().run(ensureMaintenance, { node: 'pve1', on, within: '1 minute' });
}

describe('HA maintenance mode', () => {
  it('that is on already needs no command', async () => {
    await ensure(true, { proxmox: haSays(['maintenance', true]) });
  });

  it('that seems off is commanded off once all the same, for a command to turn it on may still be queued', async () => {
    const lines: string[] = [];
    await ensure(false, {
      proxmox: haSays(['online', false]),
      exec: (node, line) => {
        lines.push(`${node}: ${line}`);
        return answered('');
      },
    });
    expect(lines).toEqual(['pve2: ha-manager crm-command node-maintenance disable pve1']);
  });

  it('is not believed to be off before a node has taken the command', async () => {
    let asked = 0;
    await ensure(false, {
      proxmox: haSays(['online', false]),
      exec: () => (++asked <= 4 ? exited(1, 'cluster not ready - no quorum?') : answered('')),
    });
    expect(asked).toBe(5);
  });

  it('is not off while it is still requested', async () => {
    const lines: string[] = [];
    await ensure(false, {
      proxmox: haSays(['online', true], ['online', false]),
      exec: (node, line) => {
        lines.push(`${node}: ${line}`);
        return answered('');
      },
    });
    expect(lines).toEqual(['pve2: ha-manager crm-command node-maintenance disable pve1']);
  });

  it('is commanded once, on another node, and then waited for', async () => {
    const lines: string[] = [];
    await ensure(true, {
      proxmox: haSays(['online', false], ['online', true], ['online', true], ['maintenance', true]),
      exec: (node, line) => {
        lines.push(`${node}: ${line}`);
        return answered('');
      },
    });
    expect(lines).toEqual(['pve2: ha-manager crm-command node-maintenance enable pve1']);
  });

  it('is commanded again when the HA manager lost the command without a word', async () => {
    const lines: string[] = [];
    await ensure(true, {
      proxmox: haSays(...Array.from({ length: 13 }, (): HaWord => ['online', false]), ['maintenance', true]),
      exec: (node) => {
        lines.push(node);
        return answered('');
      },
    });
    expect(lines).toEqual(['pve2', 'pve2']);
  });

  it('is commanded on the next node when one refuses or does not answer, on the node itself last', async () => {
    const asked: string[] = [];
    await ensure(true, {
      proxmox: haSays(['online', false], ['maintenance', true]),
      exec: (node) => {
        asked.push(node);
        if (node === 'pve2') throw clientError('retryable', 'connection refused');
        return node === 'pve3' ? exited(1, 'cluster not ready - no quorum?') : answered('');
      },
    });
    expect(asked).toEqual(['pve2', 'pve3', 'pve1']);
  });

  it('that does not come is an error that names the last obstacle', async () => {
    const { ensureMaintenance } = activitiesOver(
      fakeDeps({ proxmox: haSays(['online', true]), exec: () => answered('') }),
    );
    await expect(
      activityEnvironment().run(ensureMaintenance, { node: 'pve1', on: true, within: '20 ms' }),
    ).rejects.toMatchObject({
      message: expect.stringContaining('its HA state is "online", maintenance is requested') as string,
    });
  });
});

describe('the mark that says whose a maintenance flag is', () => {
  const input = { node: 'pve1', within: '1 minute' } as const;

  it('is written on the node itself before the flag is set, and only then', async () => {
    const lines: string[] = [];
    const { ensureMaintenance } = activitiesOver(
      fakeDeps({
        proxmox: haSays(['online', false], ['maintenance', true]),
        exec: (node, line) => {
          lines.push(`${node}: ${line}`);
          return answered('');
        },
      }),
    );
    await activityEnvironment().run(ensureMaintenance, { ...input, on: true });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^pve1: mkdir -p .*"workflowId":"test".* && mv \S+\/maintenance.new \S+\/maintenance$/);
    expect(lines[1]).toContain('node-maintenance enable pve1');
  });

  it('that cannot be written keeps the flag from being set', async () => {
    const { ensureMaintenance } = activitiesOver(
      fakeDeps({
        proxmox: haSays(['online', false]),
        exec: (_, line) => {
          if (MARKS.test(line)) return exited(1, 'Read-only file system');
          throw new Error('the flag was set all the same');
        },
      }),
    );
    await expect(activityEnvironment().run(ensureMaintenance, { ...input, on: true, within: '20 ms' })).rejects.toThrow(
      'Read-only file system',
    );
  });

  it('is removed when the flag is off; a node that does not answer then keeps a mark that does no harm', async () => {
    const removed: string[] = [];
    const proxmox = () => haSays(['maintenance', true], ['online', false]);
    const off = (answer: () => ReturnType<typeof answered>) => {
      const exec = (_: string, line: string) => {
        if (!MARKS.test(line)) return answered('');
        removed.push(line);
        return answer();
      };
      return activityEnvironment().run(activitiesOver(fakeDeps({ proxmox: proxmox(), exec })).ensureMaintenance, {
        ...input,
        on: false,
      });
    };
    await off(() => answered(''));
    await off(() => {
      throw clientError('retryable', 'connection refused');
    });
    expect(removed).toEqual(Array.from({ length: 2 }, () => 'rm -f /var/lib/caretaker/jobs/maintenance'));
  });
});
