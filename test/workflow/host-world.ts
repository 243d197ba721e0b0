import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.ts';
import type { HostUpgrade } from '../../activities/host-upgrade.ts';
import type { SendMailInput } from '../../activities/mail.ts';
import { DEFAULT_PATCH_POLICY } from '../../config/patch-schema.ts';
import type { LastBackup } from '../../domain/backup.ts';
import type { HostReading, InventoryHost } from '../../domain/host.ts';
import type { LeaseAnswer } from '../../domain/lease.ts';
import type { HostReport, HostSettings, PatchOverrides } from '../../domain/patch.ts';
import type { HostPlace } from '../../planning/host-place.ts';
import type { Probe, ProbeResult } from '../../domain/probe.ts';
import type { PatchHostInput } from '../../workflows/patch-host.ts';
import { uniqueName, workflowBundle } from '../helpers/temporal.ts';
import type { Run } from './roll-world.ts';

type Name = keyof Activities;
type Input<K extends Name> = Parameters<Activities[K]>[0];
type Result<K extends Name> = Awaited<ReturnType<Activities[K]>>;
type Hooks = { [K in Name]?: (input: Input<K>) => void | Promise<void> };

/** Activities that the patching of a host asks for. */
type HostName =
  | 'loadHostSettings'
  | 'locateHost'
  | 'findSilentHosts'
  | 'contactHost'
  | 'readHostState'
  | 'awaitHost'
  | 'readLastBackup'
  | 'checkProbes'
  | 'requestLease'
  | 'ensureSnapshot'
  | 'removeSnapshot'
  | 'rollBack'
  | 'upgradeHost'
  | 'awaitHostUpgradeOver'
  | 'rebootHost'
  | 'sendMail';

type HostPolicy = PatchOverrides & { readonly probes?: readonly Probe[] };

/** One host that the activities of a test see and change. */
export interface HostWorld {
  /** Calls in their order, without those that only read. */
  readonly calls: string[];
  readonly activities: Pick<Activities, HostName>;
  readonly cluster: string;
  host: InventoryHost;
  policy: HostPolicy;
  exempt: string | null;
  partners: string[];
  place: HostPlace;
  reading: HostReading;
  /** What the upgrade does; it changes the digest of the packages. */
  upgrade: HostUpgrade;
  /** Names of the hosts that do not answer. */
  silent: string[];
  backup: LastBackup | null;
  /** Probes that fail, by their names. */
  ailing: Map<string, ProbeResult>;
  lease: LeaseAnswer;
  snapshots: string[];
  mails: SendMailInput[];
  /** Run before an activity does its work; one that throws makes it fail. */
  before: Hooks;
}

const READING: readonly HostName[] = [
  'loadHostSettings',
  'locateHost',
  'findSilentHosts',
  'contactHost',
  'readHostState',
  'awaitHost',
  'readLastBackup',
  'checkProbes',
  'requestLease',
];

const BEFORE = 'digest-before';
const AFTER = 'digest-after';

/** A running guest with one package to upgrade, which wants no reboot. */
export function aHostWorld(kind: 'lxc' | 'qemu' = 'lxc', policy: HostPolicy = {}): HostWorld {
  const name = kind === 'lxc' ? 'pihole-1' : 'web-apps-vm';
  const vmid = kind === 'lxc' ? 192 : 213;
  const calls: string[] = [];
  const world: HostWorld = {
    calls,
    activities: {} as Pick<Activities, HostName>,
    cluster: uniqueName('homelab'),
    host: { name, vmid, kind },
    policy: { settle: '0 seconds', ...policy },
    exempt: null,
    partners: [],
    place: { guest: { vmid, kind, name, node: 'pve1', status: 'running', template: false }, mismatches: [] },
    reading: aReading(),
    upgrade: { packages: [{ name: 'curl', from: '8.1', to: '8.2' }], keptConffiles: [], removed: [], refreshed: true },
    silent: [],
    backup: null,
    ailing: new Map(),
    lease: { granted: true },
    snapshots: [],
    mails: [],
    before: {},
  };
  const recorded = <K extends HostName>(key: K, work: (input: Input<K>) => Result<K>) =>
    (async (input: Input<K>) => {
      if (!READING.includes(key)) calls.push(key);
      await world.before[key]?.(input);
      return work(input);
    }) as unknown as Activities[K];
  const changeReading = (changes: Partial<HostReading>) => {
    world.reading = { ...world.reading, ...changes };
  };
  let atSnapshot = world.reading;
  return Object.assign(world, {
    activities: {
      loadHostSettings: recorded('loadHostSettings', ({ policy }) => settingsOf(world, policy)),
      locateHost: recorded('locateHost', () => world.place),
      findSilentHosts: recorded('findSilentHosts', ({ hosts }) => hosts.filter((each) => world.silent.includes(each))),
      contactHost: recorded('contactHost', ({ host }) => (world.silent.includes(host) ? 'gone' : 'answers')),
      readHostState: recorded('readHostState', () => readOrFail(world)),
      awaitHost: recorded('awaitHost', () => readOrFail(world)),
      readLastBackup: recorded('readLastBackup', () => world.backup),
      checkProbes: recorded('checkProbes', ({ probes }) =>
        probes.map((probe) => world.ailing.get(probe.name) ?? { name: probe.name, ok: true, detail: 'well' }),
      ),
      // The lease is pretended, too: the real one would outlive the worker of the test.
      requestLease: recorded('requestLease', () => world.lease),
      ensureSnapshot: recorded('ensureSnapshot', ({ name: snapshot }) => {
        atSnapshot = world.reading;
        world.snapshots.push(snapshot);
      }),
      removeSnapshot: recorded('removeSnapshot', ({ name: snapshot }) => {
        world.snapshots = world.snapshots.filter((each) => each !== snapshot);
      }),
      rollBack: recorded('rollBack', () => {
        world.reading = { ...atSnapshot, boot: { value: 'boot-after-rollback' } };
        world.silent = [];
        world.ailing.clear();
      }),
      upgradeHost: recorded('upgradeHost', () => {
        changeReading({ pending: { value: [] }, packages: { value: AFTER } });
        return world.upgrade;
      }),
      awaitHostUpgradeOver: recorded('awaitHostUpgradeOver', () => undefined),
      rebootHost: recorded('rebootHost', ({ boot }) => {
        const next = `${boot}-and-next`;
        const reboot = { ...world.reading.reboot, flag: { value: null } };
        changeReading({ boot: { value: next }, reboot });
        return { boot: next, downSeconds: 12 };
      }),
      sendMail: async (mail) => {
        world.mails.push(mail);
        await world.before.sendMail?.(mail);
        return { configured: true, accepted: ['admin@example.org'], deferred: [], refused: [] };
      },
    } satisfies Pick<Activities, HostName>,
  });
}

function aReading(): HostReading {
  return {
    boot: { value: 'boot-1' },
    system: 'Debian GNU/Linux 13 (trixie)',
    pending: { value: [{ name: 'curl', from: '8.1', to: '8.2', security: false }] },
    packages: { value: BEFORE },
    listsAge: { value: 60 },
    containers: { value: null },
    reboot: {
      container: false,
      runningKernel: '6.12.38+deb13-amd64',
      installedKernels: { value: ['6.12.38+deb13-amd64'] },
      flag: { value: null },
      needrestart: { value: null },
    },
  };
}

/** Packages of the host have asked for a reboot. */
export function wantsReboot(world: HostWorld, ...packages: string[]): void {
  world.reading = { ...world.reading, reboot: { ...world.reading.reboot, flag: { value: packages } } };
}

function readOrFail({ silent, host, reading }: HostWorld): HostReading {
  if (!silent.includes(host.name)) return reading;
  throw ApplicationFailure.nonRetryable(`${host.name} does not answer`, 'RemoteUnavailable');
}

function settingsOf({ cluster, host, exempt, partners, policy }: HostWorld, input: PatchOverrides): HostSettings {
  const { timeouts } = DEFAULT_PATCH_POLICY;
  const merged = { ...DEFAULT_PATCH_POLICY, announceReboot: false, ...policy, ...input };
  return {
    cluster,
    host,
    exempt,
    partners,
    policy: { ...merged, timeouts: { ...timeouts, ...policy.timeouts, ...input.timeouts } },
  };
}

/** Starts `patchHost` on a worker of its own and does `meanwhile` with the run; rejects with the failure of the run. */
export async function patch(
  environment: TestWorkflowEnvironment,
  world: HostWorld,
  options: {
    readonly input?: Partial<PatchHostInput>;
    readonly meanwhile?: (run: Pick<Run<HostReport>, 'handle' | 'report'>) => Promise<void>;
  } = {},
): Promise<HostReport> {
  const taskQueue = uniqueName('maintenance');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: world.activities,
  });
  return worker.runUntil(async () => {
    const handle = await environment.client.workflow.start('patchHost', {
      taskQueue,
      workflowId: uniqueName('patch-host'),
      args: [{ host: world.host.name, ...options.input }],
    });
    const run = {
      handle,
      get report() {
        return handle.result() as Promise<HostReport>;
      },
    };
    try {
      await options.meanwhile?.(run);
    } catch (error) {
      await handle.terminate('the test failed').catch(() => undefined);
      throw error;
    }
    return run.report;
  });
}
