import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { Activities } from '../../activities/index.ts';
import type { IsRunOverInput } from '../../activities/lease.ts';
import type { SendMailInput } from '../../activities/mail.ts';
import { patchFleetId, weeklyUpdatesId } from '../../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest, RunRef } from '../../domain/lease.ts';
import type { FleetReport, FleetSettings, HostReport, PatchOverrides, WeeklyReport } from '../../domain/patch.ts';
import type { WindowAnswer } from '../../domain/window.ts';
import type { PatchFleetInput } from '../../workflows/patch-fleet.ts';
import type { WeeklyUpdatesInput } from '../../workflows/weekly-updates.ts';
import { uniqueName } from '../helpers/temporal.ts';
import { until } from './roll-world.ts';

export interface PatchInput {
  readonly host: string;
  readonly policy?: PatchOverrides;
  readonly lease?: RunRef;
}

/** Parts of the report of a host that are not as usual. */
export type PretendedPatch = Partial<HostReport>;

/** Hosts that are patched as the test says, and all that was asked. */
export interface FleetWorld {
  readonly cluster: string;
  /** What is not as usual in the settings of each group; all hosts that there are, by the groups' names. */
  readonly groups: Record<string, Partial<FleetSettings> & Pick<FleetSettings, 'hosts'>>;
  /** Host names in the order in which they were begun. */
  readonly begun: PatchInput[];
  readonly inHand: Set<string>;
  /** The most that were in hand together. */
  most: number;
  readonly leases: LeaseRequest[];
  readonly mails: SendMailInput[];
  lease: LeaseAnswer;
  window: () => WindowAnswer;
  /** Whether a run that was terminated has left no host in hand. */
  isOver: (input: IsRunOverInput) => Promise<boolean>;
  /** Patches a host. */
  patch: (input: PatchInput) => Promise<PretendedPatch> | PretendedPatch;
}

export function aFleetWorld(groups: FleetWorld['groups']): FleetWorld {
  return {
    cluster: uniqueName('homelab'),
    groups,
    begun: [],
    inHand: new Set(),
    most: 0,
    leases: [],
    mails: [],
    lease: { granted: true },
    window: () => ({ start: true, until: null }),
    isOver: () => Promise.resolve(true),
    patch: () => ({}),
  };
}

export function hostNames(amount: number, prefix = 'host'): string[] {
  return Array.from({ length: amount }, (_, index) => `${prefix}-${index + 1}`);
}

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The bundle of the fleet's workflows with the pretended host in it; made once a file. */
export function fleetBundle(): Promise<WorkflowBundleWithSourceMap> {
  bundle ??= bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('fleet-workflows.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  return bundle;
}

const TIMEOUTS = { lease: '1 hour', workerLost: '20 seconds' } as const;

export function activitiesOf(world: FleetWorld) {
  return {
    loadFleetSettings: ({ name, policy }) => {
      const { groups, cluster } = world;
      const own = groups[name] ?? { hosts: [name] };
      return Promise.resolve({
        cluster,
        name,
        policy: { serial: 2, continueOnError: true, maxFailures: null },
        neverTogether: [],
        windows: [],
        timeZone: null,
        expected: '10 minutes',
        dryRun: policy.dryRun ?? false,
        timeouts: TIMEOUTS,
        ...own,
      });
    },
    loadWeeklySettings: ({ policy }) => {
      const { cluster, groups } = world;
      const dryRun = policy.dryRun ?? false;
      return Promise.resolve({ cluster, groups: Object.keys(groups), dryRun, timeouts: TIMEOUTS });
    },
    requestLease: ({ request }) => {
      world.leases.push(request);
      return Promise.resolve(world.lease);
    },
    readWindow: () => Promise.resolve(world.window()),
    sendMail: (mail) => {
      world.mails.push(mail);
      return Promise.resolve({ configured: true, accepted: ['admin@example.org'], deferred: [], refused: [] });
    },
    isRunOver: (input) => world.isOver(input),
    pretendPatch: async (input: PatchInput) => {
      world.begun.push(input);
      world.inHand.add(input.host);
      world.most = Math.max(world.most, world.inHand.size);
      try {
        return await world.patch(input);
      } finally {
        world.inHand.delete(input.host);
      }
    },
  } satisfies Partial<Activities> & Record<string, unknown>;
}

export interface FleetEnd<Report> {
  /** Null where the run failed. */
  readonly type: string | null;
  readonly canceled: boolean;
  readonly report: Report;
}

interface Started<Report> {
  readonly handle: WorkflowHandle;
  readonly end: () => Promise<FleetEnd<Report>>;
}

type Meanwhile<Report> = (run: Started<Report>) => Promise<void>;

/** A run of a group on a worker of its own, which lives until `meanwhile` is done, too. */
export function patchGroupOf(
  environment: TestWorkflowEnvironment,
  world: FleetWorld,
  input: PatchFleetInput,
  meanwhile?: Meanwhile<FleetReport>,
): Promise<FleetEnd<FleetReport>> {
  return run(environment, world, { type: 'patchFleet', id: patchFleetId(world.cluster, input.name), input }, meanwhile);
}

export function updateWeekly(
  environment: TestWorkflowEnvironment,
  world: FleetWorld,
  input: WeeklyUpdatesInput = {},
  { meanwhile, id = weeklyUpdatesId(world.cluster) }: { meanwhile?: Meanwhile<WeeklyReport>; id?: string } = {},
): Promise<FleetEnd<WeeklyReport>> {
  return run(environment, world, { type: 'weeklyUpdates', id, input }, meanwhile);
}

async function run<Report>(
  environment: TestWorkflowEnvironment,
  world: FleetWorld,
  { type, id, input }: { readonly type: string; readonly id: string; readonly input: unknown },
  meanwhile: Meanwhile<Report> = () => Promise.resolve(),
): Promise<FleetEnd<Report>> {
  const taskQueue = uniqueName('maintenance');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: await fleetBundle(),
    activities: activitiesOf(world),
  });
  return worker.runUntil(async () => {
    const handle = await environment.client.workflow.start(type, { taskQueue, workflowId: id, args: [input] });
    const end = () => endOf<Report>(handle);
    try {
      await meanwhile({ handle, end });
    } catch (error) {
      await handle.terminate('the test failed').catch(() => undefined);
      throw error;
    }
    return end();
  });
}

async function endOf<Report>(handle: WorkflowHandle): Promise<FleetEnd<Report>> {
  try {
    return { type: null, canceled: false, report: (await handle.result()) as Report };
  } catch (error) {
    const cause = (error as Error).cause as { type?: string; details?: unknown[]; name: string };
    const canceled = cause.name === 'CancelledFailure';
    const report = canceled ? await handle.query<Report>('report') : (cause.details?.[0] as Report);
    return { type: cause.type ?? null, canceled, report };
  }
}

/** Waits until the mail about the run has been handed over. */
export async function untilMailed(environment: TestWorkflowEnvironment, world: FleetWorld): Promise<void> {
  await until(() => world.mails.length > 0);
  await environment.client.workflow.getHandle(`mail/${world.mails[0]?.id ?? ''}`).result();
}

/** A gate that hosts wait at until the test opens it. */
export function aGate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
