import { describe, expect, it } from 'vitest';
import type { Guest, NodeSoftware } from '../../domain/cluster.ts';
import type { ClusterCondition, NodeCondition, ReplicationCondition, ShellCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { planRoll } from '../../planning/plan-roll.ts';
import { mayReadSoftware, missingForAny } from '../../planning/preflight/privileges.ts';
import {
  aCluster,
  aClusterCondition,
  ALL_PRIVILEGES,
  aNodeCondition,
  anHaVm,
  aPackage,
  aShell,
  aVm,
  NEW_KERNEL,
  OLD_KERNEL,
  outdated,
  someKernels,
  theSettings,
} from '../helpers/builders.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;
const TAKEN_AT = Date.parse(aCluster().takenAt);
const NO_ANSWER = { unknown: 'connection refused' };
const KERNEL = aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`, { from: null });

interface Trouble {
  /** Of pve1, the node to update; pve2 is well. */
  readonly node?: Partial<NodeCondition>;
  readonly shell?: Partial<ShellCondition>;
  readonly cluster?: Partial<ClusterCondition>;
  readonly software?: Partial<NodeSoftware>;
  readonly guests?: readonly Guest[];
  readonly policy?: PolicyOverrides;
}

/** All that is found when pve1 shall be updated in a pair of nodes that is well but for this. */
function findingsWith({ node, shell, cluster, software, guests, policy }: Trouble): Finding[] {
  const pve1 = aNodeCondition('pve1', { ...(shell ? { shell: { value: aShell(shell) } } : {}), ...node });
  const plan = planRoll(
    aCluster({ guests: guests ?? [] }),
    [outdated('pve1', software)],
    theSettings({ nodes: ['pve1'], ...(policy ? { policy } : {}) }),
    { cluster: aClusterCondition(cluster), nodes: [pve1, aNodeCondition('pve2')] },
  );
  return findingsOf(plan);
}

it('nothing is found where all is well', () => {
  expect(findingsWith({})).toEqual([]);
});

describe('a clock', () => {
  it.each([
    [4_999, []],
    [-4_999, []],
    [5_000, [{ code: 'clock-skew', severity: 'warning', node: 'pve1' }]],
    [59_999, [{ code: 'clock-skew', severity: 'warning', node: 'pve1' }]],
    [60_000, [{ code: 'clock-skew', severity: 'blocker', node: 'pve1' }]],
    [-60_000, [{ code: 'clock-skew', severity: 'blocker', node: 'pve1' }]],
  ])('that is %d milliseconds ahead', (clockAhead, found) => {
    expect(findingsWith({ shell: { clockAhead } })).toMatchObject(found);
  });

  it('is said to be ahead or behind', () => {
    const messageOf = (clockAhead: number) => findingsWith({ shell: { clockAhead } })[0]?.message;
    expect(messageOf(10_000)).toBe('the clock of pve1 is 10 s ahead of that of the worker');
    expect(messageOf(-10_000)).toBe('the clock of pve1 is 10 s behind that of the worker');
  });

  it('of a node that is not updated counts as well, for HA looks at all of them', () => {
    const { findings } = planRoll(aCluster(), [outdated('pve1')], theSettings({ nodes: ['pve1'] }), {
      cluster: aClusterCondition(),
      nodes: [aNodeCondition('pve1'), aNodeCondition('pve2', { shell: { value: aShell({ clockAhead: 90_000 }) } })],
    });
    expect(findings).toMatchObject([{ code: 'clock-skew', severity: 'blocker', node: 'pve2' }]);
  });
});

describe('a replication', () => {
  const job = { id: '100-0', guest: 100, target: 'pve2', failCount: 0, error: null, lastSync: null };
  const dueFor = (minutes: number) => new Date(TAKEN_AT - minutes * MINUTE_MS).toISOString();
  const findingsOfJob = (changes: Partial<ReplicationCondition> & Pick<ReplicationCondition, 'nextSync'>) =>
    findingsWith({ node: { replications: { value: [{ ...job, ...changes }] } } });

  it('is stale when it is due for half an hour', () => {
    expect(findingsOfJob({ nextSync: dueFor(30) })).toMatchObject([
      {
        code: 'replication-stale',
        severity: 'warning',
        vmid: 100,
        message: 'the replication of 100 to pve2 has been due for 30 min, and has never succeeded',
      },
    ]);
  });

  it.each([
    ['has just become due', dueFor(29)],
    ['is due tomorrow', dueFor(-24 * 60)],
    ['has no time, for it runs right now', null],
  ])('is not stale when it %s', (_, nextSync) => {
    expect(findingsOfJob({ nextSync })).toEqual([]);
  });

  it('that has failed is not called stale as well', () => {
    const failed = { failCount: 2, error: 'no tunnel IP received', nextSync: dueFor(120) };
    expect(findingsOfJob(failed)).toMatchObject([
      { code: 'replication-failed', severity: 'blocker', vmid: 100, evidence: 'no tunnel IP received' },
    ]);
  });

  it.each([
    ['once, as while its target reboots, is worth a word', 1, dueFor(15), 'warning'],
    ['twice, as while its target is slow to reboot, is worth a word', 2, dueFor(20), 'warning'],
    ['three times in a row blocks', 3, dueFor(30), 'blocker'],
    ['once and has never succeeded blocks', 1, null, 'blocker'],
  ])('that has failed %s', (_, failCount, lastSync, severity) => {
    const failed = { failCount, lastSync, error: 'exit code 255', nextSync: dueFor(-5) };
    expect(findingsOfJob(failed)).toMatchObject([{ code: 'replication-failed', severity }]);
  });
});

describe('a pin of a kernel', () => {
  it.each([
    [
      { pinned: '6.8.4-2-pve' },
      'pinned to 6.8.4-2-pve, which is not installed',
      'proxmox-boot-tool kernel unpin && proxmox-boot-tool refresh',
    ],
    [
      { nextBoot: '6.8.4-2-pve' },
      'pinned for the next boot to 6.8.4-2-pve, which is not installed',
      'proxmox-boot-tool kernel unpin --next-boot && proxmox-boot-tool refresh',
    ],
  ])('to one that is not installed blocks, and nothing overrides it: %o', (pin, words, remedy) => {
    const found = findingsWith({ software: { kernels: someKernels(pin) }, policy: { overrides: ['pin-broken'] } });
    expect(blockersIn(found)).toMatchObject([{ code: 'pin-broken', node: 'pve1', remedy }]);
    expect(found[0]?.message).toContain(words);
  });

  it('to the newest is nothing to tell', () => {
    const installed = [OLD_KERNEL, NEW_KERNEL];
    const kernels = someKernels({ running: NEW_KERNEL, installed, pinned: NEW_KERNEL });
    expect(findingsWith({ software: { kernels } })).toEqual([]);
  });

  it.each([
    [OLD_KERNEL, `pve1 stays on ${OLD_KERNEL}, to which its kernel is pinned, although ${NEW_KERNEL} is installed`],
    [NEW_KERNEL, `pve1 runs ${NEW_KERNEL} and goes back to ${OLD_KERNEL}, to which its kernel is pinned`],
  ])('to an older one is worth a word: what runs is %s', (running, words) => {
    const installed = [OLD_KERNEL, NEW_KERNEL];
    const kernels = someKernels({ running, installed, pinned: OLD_KERNEL });
    expect(findingsWith({ software: { kernels } })).toMatchObject([
      { code: 'kernel-pinned', severity: 'warning', message: expect.stringContaining(words) as string },
    ]);
  });

  it('for the next boot alone is worth a word, even to the newest', () => {
    expect(findingsWith({ software: { kernels: someKernels({ nextBoot: OLD_KERNEL }) } })).toMatchObject([
      { code: 'kernel-pinned', severity: 'warning' },
    ]);
  });
});

describe('an upgrade that runs', () => {
  it.each(['caretaker-upgrade-x.service', 'apt-daily-upgrade.service', 'pve-daily-update.service'])(
    'keeps a second one from beginning, and nothing overrides it: %s',
    (unit) => {
      const found = findingsWith({
        shell: { busyUnits: { value: [unit] } },
        policy: { overrides: ['upgrade-running'] },
      });
      expect(blockersIn(found)).toMatchObject([
        {
          code: 'upgrade-running',
          node: 'pve1',
          evidence: unit,
          remedy: expect.stringContaining(`systemctl status ${unit}`) as string,
        },
      ]);
    },
  );
});

describe('what could not be read', () => {
  it.each<[string, Trouble, string]>([
    ['the privileges', { cluster: { privileges: NO_ANSWER } }, 'it may see every guest'],
    ['the tasks', { cluster: { tasks: NO_ANSWER } }, 'none of them would be broken off'],
    ['the running upgrades', { shell: { busyUnits: NO_ANSWER } }, 'no second upgrade begins beside one'],
  ])('blocks, whatever is overridden, where a safety rule hangs on it: %s', (_, trouble, rule) => {
    const found = findingsWith({ ...trouble, policy: { overrides: ['state-unknown', 'task-running'] } });
    expect(blockersIn(found)).toMatchObject([{ code: 'state-unknown', evidence: 'connection refused' }]);
    expect(found[0]?.message).toContain(rule);
  });

  it('blocks when nobody asked the node at all', () => {
    const nodes = [aNodeCondition('pve2')];
    const condition = { cluster: aClusterCondition(), nodes };
    const plan = planRoll(aCluster(), [outdated('pve1')], theSettings({ nodes: ['pve1'] }), condition);
    expect(blockersIn(findingsOf(plan))).toMatchObject([{ code: 'state-unknown', node: 'pve1' }]);
  });

  it('blocks when the packages and kernels of an online node are missing', () => {
    const plan = planRoll(aCluster(), [], theSettings({ nodes: ['pve1'] }), {
      cluster: aClusterCondition(),
      nodes: [aNodeCondition('pve1'), aNodeCondition('pve2')],
    });
    expect(blockersIn(findingsOf(plan))).toMatchObject([{ code: 'state-unknown', node: 'pve1' }]);
  });

  it.each<[string, Trouble]>([
    ['the backup jobs', { cluster: { backups: NO_ANSWER } }],
    ['the storages', { node: { storages: NO_ANSWER } }],
    ['the replication', { node: { replications: NO_ANSWER } }],
    ['the repositories', { node: { repositories: NO_ANSWER } }],
    ['the state of the packages', { shell: { audit: NO_ANSWER } }],
    ['the packages on hold', { shell: { held: NO_ANSWER } }],
    ['the disk space', { shell: { fileSystems: NO_ANSWER } }],
    ['the boot partitions', { shell: { bootPartitions: NO_ANSWER } }],
  ])('is told, and no more, where only advice hangs on it: %s', (what, trouble) => {
    const found = findingsWith(trouble);
    expect(found).toMatchObject([{ code: 'not-checked', severity: 'warning', evidence: 'connection refused' }]);
    expect(found[0]?.message).toContain(`${what} `);
  });
});

describe('a boot partition', () => {
  const with100MiB = { uuid: 'A1B2-C3D4', space: { value: { size: 512 * MIB, available: 100 * MIB } } };
  const findingsOfPartition = (partition: ShellCondition['bootPartitions'], pending = [KERNEL]) =>
    findingsWith({ shell: { bootPartitions: partition }, software: { pending } });

  it('without room for the kernel that comes blocks', () => {
    expect(findingsOfPartition({ value: [with100MiB] })).toMatchObject([
      { code: 'boot-partition', severity: 'blocker', message: expect.stringContaining('A1B2-C3D4') as string },
    ]);
  });

  it('without room for a kernel is only told where none comes', () => {
    expect(findingsOfPartition({ value: [with100MiB] }, [aPackage()])).toMatchObject([
      { code: 'boot-partition', severity: 'warning' },
    ]);
  });

  it('with room for one is nothing to tell', () => {
    const space = { value: { size: 512 * MIB, available: 200 * MIB } };
    expect(findingsOfPartition({ value: [{ ...with100MiB, space }] })).toEqual([]);
  });

  it('that cannot be looked at is told, with why', () => {
    expect(findingsOfPartition({ value: [{ uuid: 'DEAD-BEEF', space: NO_ANSWER }] })).toMatchObject([
      { code: 'boot-partition', severity: 'warning', evidence: 'connection refused' },
    ]);
  });
});

describe('a warning of Proxmox about repositories', () => {
  it('is passed on and keeps nothing from running', () => {
    const warnings = ['/etc/apt/sources.list: suite bookworm is of another release'];
    const repositories = { value: { errors: [], warnings, enterprise: false, subscription: null } };
    expect(findingsWith({ node: { repositories } })).toMatchObject([
      { code: 'repository-warning', severity: 'warning', node: 'pve1', evidence: warnings[0] },
    ]);
  });
});

describe('privileges that are missing', () => {
  const without = (...missing: string[]) => ({
    privileges: { value: { '/': ALL_PRIVILEGES.filter((each) => !missing.includes(each)) } },
  });
  const replicated = aVm(100, { hasLocalDisks: true, replicatedTo: ['pve2'] });

  it('are all named in one finding', () => {
    expect(findingsWith({ cluster: without('VM.Audit', 'VM.Migrate', 'Datastore.Audit') })).toMatchObject([
      {
        code: 'missing-privileges',
        severity: 'blocker',
        message: 'the API token lacks 3 privileges that the update needs: VM.Audit, VM.Migrate, Datastore.Audit',
        remedy: expect.stringContaining('create-api-token.md') as string,
      },
    ]);
  });

  it.each<[string, string, readonly Guest[]]>([
    ['Sys.Console', 'a guest under HA', [anHaVm(100)]],
    ['VM.Replicate', 'a guest whose disks are replicated once more before it moves', [replicated]],
    ['Datastore.AllocateSpace', 'a guest whose disks go along', [replicated]],
  ])('are asked for only where they are needed: %s for %s', (privilege, _, guests) => {
    expect(findingsWith({ cluster: without(privilege) })).toEqual([]);
    const named = findingsWith({ cluster: without(privilege), guests }).filter(
      ({ code }) => code === 'missing-privileges',
    );
    expect(named).toMatchObject([{ message: expect.stringContaining(privilege) as string }]);
  });

  it('are not asked for where the guest is shut down instead of moved', () => {
    const policy = { guests: { overrides: { '100': 'shutdown' } } } as const;
    const cluster = without('VM.Replicate', 'Datastore.AllocateSpace');
    expect(findingsWith({ cluster, guests: [replicated], policy })).toEqual([]);
  });

  it('may be held for the path where Proxmox asks for them', () => {
    const privileges = {
      value: {
        '/': ['Sys.Audit'],
        '/nodes': ['Sys.Modify'],
        '/vms': ['VM.Audit', 'VM.Migrate', 'VM.PowerMgmt'],
        '/storage': ['Datastore.Audit'],
      },
    };
    expect(findingsWith({ cluster: { privileges } })).toEqual([]);
  });

  it('for the software keep a plan from asking for it; those that are unknown do not', () => {
    expect(mayReadSoftware(without('Sys.Modify').privileges)).toBe(false);
    expect(mayReadSoftware(NO_ANSWER)).toBe(true);
  });

  it('can be told before anything is known of the cluster', () => {
    expect(missingForAny(without('VM.Audit').privileges)).toMatchObject([{ code: 'missing-privileges' }]);
    expect(missingForAny(without('Sys.Console').privileges)).toEqual([]);
    expect(missingForAny(NO_ANSWER)).toEqual([]);
  });
});
