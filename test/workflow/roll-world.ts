import { ApplicationFailure, Client, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import type { NodeActivities as Activities } from '../../activities/index.ts';
import type { SendMailInput } from '../../activities/mail.ts';
import { mergePolicy } from '../../config/policy.ts';
import type { CephState } from '../../domain/ceph.ts';
import type { Backups, ClusterSnapshot, Guest, NodeSoftware } from '../../domain/cluster.ts';
import type { ClusterCondition, NodeCondition } from '../../domain/condition.ts';
import { undoLaterId, updateNodeId } from '../../domain/ids.ts';
import type { MarkFacts } from '../../domain/maintenance-mark.ts';
import type { LeaseAnswer } from '../../domain/lease.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import type { ProbeResult } from '../../domain/probe.ts';
import type { WindowAnswer } from '../../domain/window.ts';
import { timeZoneNamed } from '../../activities/time-zone.ts';
import type { ReadWindowInput } from '../../activities/windows.ts';
import type { Downtime, NodeReport, RollProgress, RollReport } from '../../domain/report.ts';
import { mayStart } from '../../planning/windows.ts';
import type { UndoResult } from '../../domain/undo.ts';
import type { UndoLaterInput } from '../../workflows/undo-later.ts';
import { armCanary, boot, endCanary, softwareOf, upgrade } from './pretended-software.ts';
import type { UpdateNodeInput } from '../../workflows/update-node.ts';
import {
  aCluster,
  aClusterCondition,
  allWell,
  aNode,
  aNodeCondition,
  aPolicy,
  outdated,
  theHealth,
  theSettings,
  type ClusterParts,
} from '../helpers/builders.ts';
import { uniqueName, workflowBundle } from '../helpers/temporal.ts';

// Failing runs are what many of these tests want; only the worker's own troubles are worth a line.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});

type Name = keyof Activities;
type Input<K extends Name> = Parameters<Activities[K]>[0];
type Hooks = { [K in Name]?: (input: Input<K>) => void | Promise<void> };

export interface Call {
  readonly name: Name;
  readonly input: unknown;
}

/** A cluster of two nodes that the activities of a test see and change, and all their calls in their order. */
export interface World {
  readonly calls: Call[];
  readonly activities: Activities;
  readonly nodes: string[];
  policy: PolicyOverrides;
  /** Name of the cluster; its own for each world, so that a run that was left behind blocks no other test. */
  name: string;
  cluster: ClusterParts;
  guests: Guest[];
  /** What a run is told that asks for the lease. */
  lease: LeaseAnswer;
  software: Map<string, NodeSoftware>;
  /** Parts of the preflight's answers that are not well. */
  clusterCondition: Partial<ClusterCondition>;
  conditions: Map<string, Partial<NodeCondition>>;
  /** What was to be mailed; the outcome of each try is decided by `before.sendMail`, which may throw. */
  mails: SendMailInput[];
  /** Probes that fail, by their names. */
  ailing: Map<string, ProbeResult>;
  /**
   * Milliseconds that the calendar of maintenance windows is ahead of the server's clock: the time-skipping server skips
   * none while an activity runs, nor after a run with a child run.
   */
  late: number;
  /** Told that no window is open. With true as answer the calendar jumps to just before the next one. */
  whenClosed: () => boolean;
  backups: Backups;
  ceph: CephState | null;
  /** What the task lists would tell of each guest, by vmid. */
  downtimes: Record<string, Downtime>;
  /** Marks of maintenance flags, by node; none: the flag is somebody else's. */
  marks: Map<string, MarkFacts>;
  /** Run before an activity does its work; one that throws makes it fail. */
  before: Hooks;
  /** Calls as short lines, without those that only read. */
  changes(): string[];
}

const READING: readonly Name[] = [
  'loadRollSettings',
  'readCluster',
  'readClusterCondition',
  'readNodeCondition',
  'readNodeSoftware',
  'readNodeHealth',
  'readBackups',
  'readCeph',
  'awaitUpgradeOver',
  'readWindow',
  'checkProbes',
  'requestLease',
  'readMaintenanceMark',
  'isRunOver',
];

export function aWorld(guests: readonly Guest[] = [], policy: PolicyOverrides = {}): World {
  const calls: Call[] = [];
  // Where the HA manager took its guests from.
  const homes = new Map<number, string>();
  const world: World = {
    calls,
    activities: {} as Activities,
    nodes: ['pve1', 'pve2'],
    policy,
    name: uniqueName('homelab'),
    cluster: {},
    guests: [...guests],
    backups: { running: [], jobs: [] },
    ceph: null,
    lease: { granted: true },
    software: new Map(['pve1', 'pve2'].map((node) => [node, outdated(node)])),
    mails: [],
    ailing: new Map(),
    late: 0,
    whenClosed: () => false,
    clusterCondition: {},
    conditions: new Map(),
    downtimes: {},
    marks: new Map(),
    before: {},
    changes: () => calls.filter((call) => !READING.includes(call.name)).map(shorten),
  };
  const recorded = <K extends Name>(name: K, work: (input: Input<K>) => Awaited<ReturnType<Activities[K]>>) =>
    (async (input: Input<K>) => {
      calls.push({ name, input });
      await world.before[name]?.(input);
      return work(input);
    }) as unknown as Activities[K];

  return Object.assign(world, {
    activities: {
      loadRollSettings: recorded('loadRollSettings', (input) => settingsOf(world, input)),
      readCluster: recorded('readCluster', () => snapshotOf(world)),
      readClusterCondition: recorded('readClusterCondition', () => aClusterCondition(world.clusterCondition)),
      readNodeCondition: recorded('readNodeCondition', ({ node }) => conditionOf(world, node)),
      readNodeSoftware: recorded('readNodeSoftware', ({ node }) => softwareOf(world, node)),
      readNodeHealth: recorded('readNodeHealth', ({ node }) => theHealth(node)),
      ensureMaintenance: recorded('ensureMaintenance', ({ node, on }) => {
        for (const { vmid } of world.guests.filter((each) => on && each.ha !== null && each.node === node)) {
          homes.set(vmid, node);
          place(world, vmid, { node: otherThan(world, node) });
        }
        for (const [vmid] of [...homes].filter(([, home]) => !on && home === node)) {
          homes.delete(vmid);
          place(world, vmid, { node });
        }
      }),
      readMaintenanceMark: recorded(
        'readMaintenanceMark',
        ({ node }) => world.marks.get(node) ?? { mark: null, owner: null, undoLater: null, bootId: `${node}-boot-1` },
      ),
      ensureHaArmed: recorded('ensureHaArmed', ({ armed }) => {
        world.cluster = { ...world.cluster, ha: { ...world.cluster.ha, armed: armed ? 'armed' : 'disarmed' } };
      }),
      readCeph: recorded('readCeph', () => world.ceph),
      ensureCephNoout: recorded('ensureCephNoout', ({ node, on }) => {
        if (world.ceph) world.ceph = { ...world.ceph, nooutHosts: on ? [node] : [] };
      }),
      awaitCeph: recorded('awaitCeph', () => undefined),
      readBackups: recorded('readBackups', () => world.backups),
      awaitNoBackup: recorded('awaitNoBackup', () => {
        world.backups = { ...world.backups, running: [] };
      }),
      ensureBackupJob: recorded('ensureBackupJob', ({ id, enabled }) => {
        const { running, jobs } = world.backups;
        world.backups = { running, jobs: jobs.map((job) => (job.id === id ? { ...job, enabled } : job)) };
        return jobs.some((job) => job.id === id);
      }),
      syncReplication: recorded('syncReplication', () => undefined),
      moveGuest: recorded('moveGuest', ({ vmid, from, to }) => {
        const guest = world.guests.find((each) => each.vmid === vmid);
        if (guest?.node === from && guest.running) place(world, vmid, { node: to });
        return whereIs(world, vmid);
      }),
      ensureGuestStopped: recorded('ensureGuestStopped', ({ vmid }) => place(world, vmid, { running: false })),
      ensureGuestRunning: recorded('ensureGuestRunning', ({ vmid }) => {
        place(world, vmid, { running: true });
        return whereIs(world, vmid);
      }),
      awaitHaGuestsAway: recorded('awaitHaGuestsAway', ({ vmids }) => vmids.map((vmid) => whereIs(world, vmid))),
      awaitHaGuestsHome: recorded('awaitHaGuestsHome', ({ vmids }) => vmids.map((vmid) => whereIs(world, vmid))),
      upgradeNode: recorded('upgradeNode', ({ node }) => upgrade(world, node)),
      ensureKernelCanary: recorded('ensureKernelCanary', (input) => armCanary(world, input)),
      endKernelCanary: recorded('endKernelCanary', (input) => endCanary(world, input)),
      rebootNode: recorded('rebootNode', ({ node }) => boot(world, node)),
      awaitRejoin: recorded('awaitRejoin', ({ node }) => theHealth(node, { bootId: softwareOf(world, node).bootId })),
      awaitUpgradeOver: recorded('awaitUpgradeOver', () => undefined),
      // What only the report needs is no step of the update.
      markTasks: async ({ nodes }) => Object.fromEntries(nodes.map((node) => [node, 0])),
      measureDowntime: async (input) => {
        await world.before.measureDowntime?.(input);
        return world.downtimes;
      },
      // Apart from the other calls: a mail goes its own way, at a time of its own.
      sendMail: async (mail) => {
        world.mails.push(mail);
        await world.before.sendMail?.(mail);
        return { configured: true, accepted: mail.to ?? ['admin@example.org'], deferred: [], refused: [] };
      },
      removeUnusedPackages: recorded('removeUnusedPackages', () => true),
      checkProbes: recorded('checkProbes', ({ probes }) =>
        probes.map(({ name }) => world.ailing.get(name) ?? { name, ok: true, detail: 'well' }),
      ),
      readWindow: recorded('readWindow', (input) => askCalendar(world, input)),
      // The lease is pretended, too: the real one would outlive the worker of the test.
      requestLease: recorded('requestLease', () => world.lease),
      isRunOver: recorded('isRunOver', () => false),
    } satisfies Activities,
  });
}

function settingsOf(world: World, input: PolicyOverrides) {
  const { nodes } = world;
  try {
    return { ...theSettings({ nodes, cluster: world.name }), policy: mergePolicy(aPolicy(world.policy), input, nodes) };
  } catch (error) {
    throw ApplicationFailure.nonRetryable((error as Error).message, 'InvalidInput');
  }
}

function askCalendar(world: World, { windows, timeZone, now, needed }: ReadWindowInput): WindowAnswer {
  const today = Date.parse(now) + world.late;
  const answer = mayStart(windows, timeZoneNamed(timeZone), { now: today, needed });
  if (answer.start || answer.opens === null) return answer;
  if (world.whenClosed()) world.late = Date.parse(answer.opens) - Date.parse(now) - 200;
  return { ...answer, opens: new Date(Date.parse(answer.opens) - world.late).toISOString() };
}

function snapshotOf({ cluster, nodes, guests }: World): ClusterSnapshot {
  return aCluster({ nodes: nodes.map((name) => aNode(name)), ...cluster, guests });
}

/** As the snapshot has it, unless the test says otherwise. */
function conditionOf(world: World, node: string): NodeCondition {
  const own = allWell(snapshotOf(world)).nodes.find((each) => each.node === node) ?? aNodeCondition(node);
  return { ...own, ...world.conditions.get(node) };
}

function place(world: World, vmid: number, changes: Partial<Guest>): void {
  world.guests = world.guests.map((guest) => (guest.vmid === vmid ? { ...guest, ...changes } : guest));
}

function whereIs(world: World, vmid: number) {
  return { vmid, node: world.guests.find((guest) => guest.vmid === vmid)?.node ?? 'nowhere' };
}

function otherThan({ nodes }: World, node: string): string {
  return nodes.find((each) => each !== node) ?? node;
}

function shorten({ name, input }: Call): string {
  const { node, vmid, from, to, on } = input as Partial<Record<'node' | 'vmid' | 'from' | 'to' | 'on', unknown>>;
  if (name === 'moveGuest') return `move ${String(vmid)} ${String(from)}→${String(to)}`;
  if (name === 'ensureMaintenance') return `maintenance ${on === true ? 'on' : 'off'} ${String(node)}`;
  return [name, vmid, node]
    .filter((each) => each !== undefined)
    .map(String)
    .join(' ');
}

export interface Run<Report> {
  readonly handle: WorkflowHandle;
  /** Id of the run of the node whose turn it is. */
  readonly child: string;
  readonly report: Promise<Report>;
}

/**
 * Starts a workflow on a worker of its own and does `meanwhile` with the run. Ends when both have ended; `report`
 * rejects with the failure of the run.
 */
async function start<Report>(
  environment: TestWorkflowEnvironment,
  world: World,
  what: {
    readonly type: string;
    readonly id?: string;
    readonly args: unknown[];
    readonly signal?: string;
    readonly beside?: boolean;
  },
  meanwhile: (run: Run<Report>) => Promise<void>,
): Promise<Report> {
  const taskQueue = uniqueName('maintenance');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: world.activities,
  });
  return worker.runUntil(async () => {
    // Whoever waits for a result through the environment's client sets time free, even while an activity of another run
    // holds it still: that run would then outlive all its timeouts within a moment.
    const client = what.beside === true ? new Client({ connection: environment.connection }) : environment.client;
    const options = { taskQueue, workflowId: what.id ?? uniqueName(what.type), args: what.args };
    const handle =
      what.signal === undefined
        ? await client.workflow.start(what.type, options)
        : await client.workflow.signalWithStart(what.type, { ...options, signal: what.signal, signalArgs: [] });
    const run: Run<Report> = {
      handle,
      child: updateNodeId(world.name),
      get report() {
        return handle.result() as Promise<Report>;
      },
    };
    try {
      await meanwhile(run);
    } catch (error) {
      await handle.terminate('the test failed').catch(() => undefined);
      throw error;
    }
    return run.report;
  });
}

type Meanwhile<Report> = (run: Run<Report>) => Promise<void>;
const nothing = () => Promise.resolve();

/** Runs `rollingUpdate`; `input` as the caller would give it. */
export function roll(
  environment: TestWorkflowEnvironment,
  world: World,
  options: {
    readonly input?: unknown[];
    readonly meanwhile?: Meanwhile<RollReport>;
    readonly signalWithStart?: string;
    /** It runs inside an activity of another run, whose clock it must leave alone. */
    readonly beside?: boolean;
    readonly id?: string;
  } = {},
): Promise<RollReport> {
  const { input = [], meanwhile = nothing, signalWithStart, beside = false, id } = options;
  const signal = signalWithStart ? { signal: signalWithStart } : {};
  const what = { type: 'rollingUpdate', args: input, beside, ...signal, ...(id === undefined ? {} : { id }) };
  return start(environment, world, what, meanwhile);
}

export function updateOneNode(
  environment: TestWorkflowEnvironment,
  world: World,
  input: UpdateNodeInput,
  meanwhile: Meanwhile<NodeReport> = nothing,
  id = updateNodeId(world.name),
): Promise<NodeReport> {
  return start(environment, world, { type: 'updateNode', id, args: [input] }, meanwhile);
}

/** Runs `undoLater` by itself. */
export function undoLeft(
  environment: TestWorkflowEnvironment,
  world: World,
  input: UndoLaterInput,
  meanwhile: Meanwhile<UndoResult> = nothing,
): Promise<UndoResult> {
  const id = undoLaterId(world.name, input.left.node);
  return start(environment, world, { type: 'undoLater', id, args: [input] }, meanwhile);
}

export interface Ending<Report> {
  readonly type: string | undefined;
  readonly message: string;
  readonly report: Report;
  readonly canceled: boolean;
}

/** How a run failed: the failure itself, below the wrappers, with the report it carries. */
export async function failureOf<Report>(run: Promise<Report>): Promise<Ending<Report>> {
  const error: unknown = await run.then(
    () => new Error('the run did not fail'),
    (reason: unknown) => reason,
  );
  let cause = error as Error & { cause?: Error; type?: string; details?: unknown[] };
  const canceled = cause.cause?.name === 'CancelledFailure';
  while (cause.name !== 'ApplicationFailure' && cause.cause) cause = cause.cause as typeof cause;
  return { type: cause.type, message: cause.message, report: cause.details?.[0] as Report, canceled };
}

/** Waits until a condition holds that the run brings about by itself. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 15));
}

export async function progressOf(handle: WorkflowHandle): Promise<RollProgress> {
  return handle.query<RollProgress>('progress');
}

/** Waits until a run has been told something: what happens after that comes later for it, too. */
export async function untilHeard(handle: WorkflowHandle, attribute: HeardEvent): Promise<void> {
  await until(async () => {
    const history = await handle.fetchHistory();
    return (history.events ?? []).some((event) => event[attribute] !== null && event[attribute] !== undefined);
  });
}

export type HeardEvent =
  | 'workflowExecutionCancelRequestedEventAttributes'
  | 'workflowExecutionSignaledEventAttributes'
  | 'workflowExecutionUpdateAcceptedEventAttributes';

export type Step = keyof World['before'];

/** Makes the run hear something in the middle of a step on pve1: the step ends only after its child has heard it. */
export function during(
  environment: TestWorkflowEnvironment,
  world: World,
  step: Step,
  tell: (run: Run<RollReport>) => Promise<unknown>,
  heard: HeardEvent,
): (run: Run<RollReport>) => Promise<void> {
  let begin: (run: Run<RollReport>) => void = () => undefined;
  const known = new Promise<Run<RollReport>>((resolve) => {
    begin = resolve;
  });
  let told = false;
  world.before[step] = async () => {
    if (told) return;
    told = true;
    const run = await known;
    await tell(run);
    await untilHeard(environment.client.workflow.getHandle(run.child), heard);
  };
  return (run: Run<RollReport>) => {
    begin(run);
    return Promise.resolve();
  };
}

export async function untilItWaits(run: Run<RollReport>, forWhat: string): Promise<void> {
  await until(async () => (await progressOf(run.handle)).waitingFor === forWhat);
}

/** A node's own query says nothing of a question; its phase does. */
export async function untilNodeAsks(run: Run<RollReport>, node: string): Promise<void> {
  await until(async () =>
    (await progressOf(run.handle)).nodes.some((each) => each.node === node && each.phase === 'awaiting-approval'),
  );
}

/** Names of the activities that a run has begun so far. */
export async function scheduledBy(handle: WorkflowHandle): Promise<string[]> {
  const history = await handle.fetchHistory();
  return (history.events ?? []).flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
  );
}
