import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { parseUpid, type GuestLocation, type Snapshot, type TaskListing } from '../clients/proxmox/index.ts';
import type { Duration } from '../domain/duration.ts';
import { SNAPSHOT_PREFIX } from '../domain/patch.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, deadlineOf, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { describeResult, followTask } from './follow-task.ts';
import { isClientError, isPassing, NoClearAnswer } from './guard.ts';
import { HELD, locate, startAt } from './guest-place.ts';

export interface SnapshotInput {
  readonly vmid: number;
  /** A letter, then letters, digits, `_` and `-`; 2 to 40 characters. */
  readonly name: string;
  readonly within: Duration;
}

export interface EnsureSnapshotInput extends SnapshotInput {
  readonly description: string;
}

export function createSnapshotActivities(deps: ActivityDeps) {
  const { proxmox, polling } = deps;
  return {
    /**
     * Takes a snapshot of the guest's disks; one of that name that is there and whole is the answer. A guest that is
     * locked, as by its backup, is waited for. Fails with `SnapshotFailed`.
     */
    async ensureSnapshot({ vmid, name, description, within }: EnsureSnapshotInput): Promise<void> {
      await awaitWorld({
        what: `a snapshot ${name} of guest ${vmid}`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.SnapshotFailed,
        remedy: `Look at the task log of the guest, and at its lock: 'unlock' takes off one that nobody holds.`,
        look: async (): Promise<Look<true>> => {
          const place = await locate(deps, vmid, 'guest');
          const all = await proxmox.snapshots(place);
          const snapshot = all.find((each) => each.name === name);
          if (snapshot !== undefined && snapshot.unfinished === undefined) return { found: true };
          const left = all.filter((each) => each.name !== name && each.name.startsWith(SNAPSHOT_PREFIX));
          if (left.length >= MOST_SNAPSHOTS) throw tooMany(place, left);
          const work = taskOf(deps, place, 'snapshot', within);
          const others = await work.followRunning();
          if (others !== undefined) return { waitingFor: others };
          if (snapshot !== undefined) throw leftUnfinished(place, snapshot);
          if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
          return { waitingFor: await work.run(() => proxmox.createSnapshot(place, { name, description })) };
        },
      });
    },

    /**
     * Takes the guest back to its snapshot and ends when it runs again, by the word of its node. What it did since the
     * snapshot is lost, and its power is cut for it. A later attempt knows by a mark in the description of the snapshot
     * whether an earlier one has succeeded, and does not do it twice. Fails with `RollbackFailed`, but not before a guest
     * that a failed rollback has left off runs again, unless only a person may start it.
     */
    async rollBack({ vmid, name, within }: SnapshotInput): Promise<void> {
      const deadline = deadlineOf(within);
      let failure: string | undefined;
      await awaitWorld({
        what: `guest ${vmid} to run as it was at its snapshot ${name}`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.RollbackFailed,
        remedy: `Look at the task log of the guest, and at its lock: 'unlock' takes off one that nobody holds. Then roll it back by hand.`,
        look: async (): Promise<Look<true>> => {
          const place = await locate(deps, vmid, 'guest');
          const work = taskOf(deps, place, 'rollback', within);
          const running = await work.followRunning();
          if (running !== undefined) return { waitingFor: running };
          if (await isBrokenOff(deps, place)) throw leftOff(place, name, failure);
          if (failure !== undefined) return getUp(deps, place, failure, deadline);
          const snapshot = (await proxmox.snapshots(place)).find((each) => each.name === name);
          if (snapshot === undefined) throw failed(work, `there is no snapshot ${name}`);
          if (await isRolledBack(deps, place, snapshot)) {
            if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
            return place.running ? { found: true } : startAt(deps, place, deadline);
          }
          if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
          await mark(deps, place, snapshot);
          const { said, final } = await work.attempt(() => proxmox.rollbackSnapshot(place, name, { start: true }));
          if (final) failure = said;
          return { waitingFor: said };
        },
      });
    },

    /** Removes a snapshot. One that is gone, alone or with its guest, is fine. Fails with `SnapshotFailed`. */
    async removeSnapshot({ vmid, name, within }: SnapshotInput): Promise<void> {
      await awaitWorld({
        what: `the snapshot ${name} of guest ${vmid} to be removed`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.SnapshotFailed,
        remedy: `Remove it by hand: it grows with all that the guest writes.`,
        look: async (): Promise<Look<true>> => {
          const place = await proxmox.guestLocation(vmid);
          if (place === undefined) return { found: true };
          const work = taskOf(deps, place, 'delsnapshot', within);
          // One that is about to be taken is not listed yet, and would stay for ever.
          const running =
            (await taskOf(deps, place, 'snapshot', within).followRunning()) ?? (await work.followRunning());
          if (running !== undefined) return { waitingFor: running };
          if (!(await proxmox.snapshots(place)).some((each) => each.name === name)) return { found: true };
          if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
          return { waitingFor: await work.run(() => proxmox.deleteSnapshot(place, name)) };
        },
      });
    },
  };
}

/** Each grows with all that the guest writes: a host that fails every week must not fill its storage. */
const MOST_SNAPSHOTS = 3;

function tooMany(place: GuestLocation, left: readonly Snapshot[]): ApplicationFailure {
  const names = left.map(({ name }) => name).join(', ');
  const remedy = 'Remove those that you need no more, in the web interface under Snapshots of the guest.';
  return failed({ place, verb: 'snapshot' }, `it has ${left.length} snapshots of earlier runs (${names})`, remedy);
}

const VERBS = {
  snapshot: { what: 'the snapshot', type: ErrorType.SnapshotFailed },
  delsnapshot: { what: 'the removal of the snapshot', type: ErrorType.SnapshotFailed },
  rollback: { what: 'the rollback', type: ErrorType.RollbackFailed },
} as const;

type Verb = keyof typeof VERBS;

interface SnapshotTask {
  readonly place: GuestLocation;
  readonly verb: Verb;
  /** Waits for the task of that kind that runs already, whoever started it; how it ended, or undefined if none runs. */
  followRunning(): Promise<string | undefined>;
  /** Starts the task and waits for its end. */
  attempt(post: () => Promise<string>): Promise<Attempt>;
  /** What is still to be waited for after an attempt; fails when that is final. */
  run(post: () => Promise<string>): Promise<string>;
}

interface Attempt {
  /** How it ended. */
  readonly said: string;
  /** It failed by nobody else's doing, and would fail again. */
  readonly final: boolean;
}

function taskOf({ proxmox }: ActivityDeps, place: GuestLocation, verb: Verb, within: Duration): SnapshotTask {
  const { what } = VERBS[verb];
  const deadline = deadlineOf(within);
  const task = { node: place.node, type: typeOf(place, verb), id: String(place.vmid) };
  const own: SnapshotTask = {
    place,
    verb,
    followRunning: async () => {
      const running = await proxmox.findRunningTask(task);
      if (running === undefined) return undefined;
      return describeResult(what, await followTask(proxmox, running, { what, deadline }));
    },
    attempt: async (post) => {
      if (Date.now() >= deadline) throw new NoClearAnswer(`there is no time left for ${what}`);
      const upid = await proxmox.startTask({ ...task, post }).catch((error: unknown): Attempt => {
        if (isClientError(error) && !isPassing(error)) return { said: error.message, final: true };
        throw error;
      });
      if (typeof upid !== 'string') return upid;
      const result = await followTask(proxmox, upid, { what, deadline });
      return {
        said: describeResult(what, result),
        final: result.status === 'failed' && !HELD.test(result.exitstatus),
      };
    },
    run: async (post) => {
      const { said, final } = await own.attempt(post);
      if (final) throw failed(own, said);
      return said;
    },
  };
  return own;
}

function typeOf({ type }: GuestLocation, verb: Verb): string {
  return `${type === 'qemu' ? 'qm' : 'vz'}${verb}`;
}

function toolOf({ type }: GuestLocation): string {
  return type === 'qemu' ? 'qm' : 'pct';
}

function failed(
  { place, verb }: Pick<SnapshotTask, 'place' | 'verb'>,
  why: string,
  remedy = /snapshot feature is not available/.test(why)
    ? 'All its volumes must lie on storages with snapshots (ZFS, LVM-thin, qcow2); bind mounts have none.'
    : `Look at the task log of the guest on ${place.node}.`,
): ApplicationFailure {
  return ApplicationFailure.create({
    type: VERBS[verb].type,
    message: `Guest ${place.vmid}: ${why}. ${remedy}`,
    nonRetryable: true,
  });
}

/** A snapshot that nobody works at any more. Only a person may take off the lock that its worker has left. */
function leftUnfinished(place: GuestLocation, { name, unfinished = '' }: Snapshot): ApplicationFailure {
  const tool = toolOf(place);
  const remedy =
    `On ${place.node}: ${tool} unlock ${place.vmid}; ${tool} delsnapshot ${place.vmid} ${name} --force 1. ` +
    'Then start again.';
  return failed({ place, verb: 'snapshot' }, `its snapshot ${name} was broken off (${unfinished})`, remedy);
}

/** A rollback that breaks off keeps its lock, and nobody works at it any more. */
async function isBrokenOff(deps: ActivityDeps, { vmid, lock }: GuestLocation): Promise<boolean> {
  if (lock !== 'rollback') return false;
  // Its task may have ended since the lock was seen.
  return (await locate(deps, vmid, 'guest')).lock === 'rollback';
}

/** Only a person may take off the lock: the volumes may be some of then and some of now. */
function leftOff(place: GuestLocation, name: string, why = 'a rollback was broken off'): ApplicationFailure {
  const tool = toolOf(place);
  const state = `it is ${place.running ? '' : 'off and '}locked (rollback)`;
  const remedy = `On ${place.node}: ${tool} unlock ${place.vmid}; ${tool} rollback ${place.vmid} ${name} --start 1.`;
  return failed({ place, verb: 'rollback' }, `${why}, and ${state}`, remedy);
}

/** Proxmox stops a guest before it touches the volumes, and does not start it again when it goes no further. */
async function getUp(
  deps: ActivityDeps,
  place: GuestLocation,
  why: string,
  deadline: number,
): Promise<{ readonly waitingFor: string }> {
  if (place.lock !== undefined) return { waitingFor: `${why}, and it is locked (${place.lock})` };
  if (place.running) {
    const remedy = `It runs, and was not taken back. Look at the task log of the guest on ${place.node}.`;
    throw failed({ place, verb: 'rollback' }, why, remedy);
  }
  const { waitingFor } = await startAt(deps, place, deadline).catch((error: unknown) => {
    if (isClientError(error)) return { waitingFor: error.message };
    throw error;
  });
  return { waitingFor: `${why}, and it is off: ${waitingFor}` };
}

/*
 * An attempt that dies after its rollback leaves no word behind: heartbeats are sent late, task lists do not tell the name
 * of the snapshot, and the clocks of node and worker are two. So it leaves a mark before it begins: the last rollback that
 * the node knew of. A later one that went well is ours.
 */
const MARK = /^Caretaker: rollback (\S+) on (\S+) after (\S+)$/m;

async function mark({ proxmox }: ActivityDeps, place: GuestLocation, snapshot: Snapshot): Promise<void> {
  if (readMark(snapshot) !== undefined) return;
  const [last] = await rollbacks(proxmox, place, place.node);
  const line = `Caretaker: rollback ${markKey()} on ${place.node} after ${last?.upid ?? '-'}`;
  const described = snapshot.description.replace(MARK, '').trimEnd();
  await proxmox.describeSnapshot(place, snapshot.name, `${described}\n${line}`);
}

async function isRolledBack({ proxmox }: ActivityDeps, place: GuestLocation, snapshot: Snapshot): Promise<boolean> {
  const ours = readMark(snapshot);
  if (ours === undefined) return false;
  const since = parseUpid(ours.after)?.startTime ?? 0;
  return (await rollbacks(proxmox, place, ours.node)).some(
    ({ upid, startTime, status = '' }) =>
      startTime >= since && upid !== ours.after && (status === 'OK' || status.startsWith('WARNINGS')),
  );
}

/** The mark of this activity, not that of an earlier rollback to the same snapshot. */
function readMark({ description }: Snapshot): { readonly node: string; readonly after: string } | undefined {
  const [, key, node, after] = MARK.exec(description) ?? [];
  return key === markKey() && node !== undefined && after !== undefined ? { node, after } : undefined;
}

/** The same for all attempts of one activity. */
function markKey(): string {
  const { workflowExecution, activityId } = activityInfo();
  return `${workflowExecution?.runId ?? 'none'}/${activityId}`;
}

/** Newest first. Source: `GET /nodes/{node}/tasks`. */
async function rollbacks(
  proxmox: ActivityDeps['proxmox'],
  place: GuestLocation,
  node: string,
): Promise<readonly TaskListing[]> {
  const type = typeOf(place, 'rollback');
  const listed = await proxmox.tasks(node, { source: 'all', type, vmid: place.vmid });
  return listed.filter((task) => task.type === type && task.id === String(place.vmid));
}
