import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import type { GuestLocation, GuestRef, TaskListing } from '../clients/proxmox/index.ts';
import type { GuestKind } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, deadlineOf, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { describeResult, followOrStart, followTask } from './follow-task.ts';
import { isClientError, isPassing, report } from './guard.ts';
import { HELD, locate, startAt } from './guest-place.ts';
import { mapLimited } from './map-limited.ts';

/** A migration that failed this often will not work the next time either. */
const MIGRATION_TRIES = 3;

/** The CRM decides every ten seconds; after so many looks it is told again. */
const LOOKS_BEFORE_ASKING_HA_AGAIN = 12;

interface GuestName {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
}

export interface MoveGuestInput extends GuestName {
  readonly from: string;
  readonly to: string;
  readonly withLocalDisks: boolean;
  readonly within: Duration;
}

export interface GuestPlace {
  readonly vmid: number;
  readonly node: string;
}

export interface GuestOnNodeInput extends GuestName {
  readonly node: string;
  readonly within: Duration;
}

export interface HaGuestsInput {
  readonly node: string;
  readonly vmids: readonly number[];
  readonly within: Duration;
}

export function createGuestActivities(deps: ActivityDeps) {
  const { proxmox, polling } = deps;
  return {
    /**
     * Moves a running guest, judged by where it runs afterwards and never by the task alone. A guest that is no longer
     * on `from` has been moved by somebody else: it stays where it is. A guest found stopped, though no migration of ours
     * left it so, stays stopped. Fails with `GuestMoveFailed`.
     */
    async moveGuest(input: MoveGuestInput): Promise<GuestPlace> {
      const mover = createMover(deps, input);
      return awaitWorld({
        what: `${input.name} (${input.vmid}) to move from ${input.from} to ${input.to}`,
        within: input.within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.GuestMoveFailed,
        remedy: 'Look at the migration in the task log of the node.',
        memory: () => ({ tried: mover.tried() }),
        look: () => mover.look(),
      });
    },

    /** Shuts a guest down in order; it is never forced. Fails with `GuestMoveFailed` when it does not obey in time. */
    async ensureGuestStopped({ vmid, kind, name, node, within }: GuestOnNodeInput): Promise<void> {
      const guest: GuestRef = { type: kind, vmid, node };
      await awaitWorld({
        what: `${name} (${vmid}) to shut down`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.GuestMoveFailed,
        remedy: 'Shut it down by hand, or give it a working guest agent or ACPI.',
        look: async (): Promise<Look<true>> => {
          const place = await locate(deps, vmid, name);
          if (place.node !== node || !place.running) return { found: true };
          const task = { node, type: kind === 'qemu' ? 'qmshutdown' : 'vzshutdown', id: String(vmid) };
          const what = 'the shutdown';
          const deadline = deadlineOf(within);
          const result = await followOrStart(proxmox, task, () => proxmox.shutdownGuest(guest), { what, deadline });
          return { waitingFor: describeResult(what, result) };
        },
      });
    },

    /** Starts a guest unless it runs, wherever it is now. */
    async ensureGuestRunning({ vmid, kind, name, within }: GuestOnNodeInput): Promise<GuestPlace> {
      return awaitWorld({
        what: `${name} (${vmid}) to run`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.GuestMoveFailed,
        remedy: `Start it by hand and look at its task log.`,
        look: async (): Promise<Look<GuestPlace>> => {
          const place = await locate(deps, vmid, name);
          return place.running
            ? { found: { vmid, node: place.node } }
            : startAt(deps, { ...place, type: kind }, deadlineOf(within));
        },
      });
    },

    /**
     * Waits until the HA manager has its guests running on other nodes, but for those whose owner stopped them. A guest
     * has arrived when it runs there and the HA manager says `started`: the task that moved it says nothing of either.
     */
    awaitHaGuestsAway(input: HaGuestsInput): Promise<GuestPlace[]> {
      return awaitHaGuests(deps, input, `to be moved off ${input.node}`, (place) => place.node !== input.node);
    },

    /** Waits until the HA manager has its guests running on their node again, but for those whose owner stopped them. */
    awaitHaGuestsHome(input: HaGuestsInput): Promise<GuestPlace[]> {
      return awaitHaGuests(deps, input, `to come back to ${input.node}`, (place) => place.node === input.node);
    },
  };
}

function createMover(deps: ActivityDeps, input: MoveGuestInput) {
  const { proxmox } = deps;
  const { vmid, kind, name, from, to, withLocalDisks } = input;
  // An earlier attempt of this activity may have started a migration that left a container stopped.
  // What it said about that may have been lost with its worker, but only a container is ever left stopped.
  const info = activityInfo();
  const remembered = info.heartbeatDetails as { tried?: number } | undefined;
  let tried = Math.max(remembered?.tried ?? 0, info.attempt > 1 && kind === 'lxc' ? 1 : 0);
  let ended = 0;
  const type = kind === 'qemu' ? 'qmigrate' : 'vzmigrate';
  const taskOn = (node: string) => ({ node, type, id: String(vmid) });
  const following = { what: 'the migration', deadline: deadlineOf(input.within) };
  const options =
    kind === 'qemu'
      ? { target: to, online: true, ...(withLocalDisks ? { withLocalDisks } : {}) }
      : { target: to, restart: true };

  const migrate = async (guest: GuestRef): Promise<Look<GuestPlace>> => {
    tried += 1;
    report({ tried, waitingFor: 'the migration' });
    try {
      const result = await followOrStart(proxmox, taskOn(from), () => proxmox.migrateGuest(guest, options), following);
      if (!HELD.test(result.exitstatus)) ended += 1;
      if (ended >= MIGRATION_TRIES) {
        const place = await locate(deps, vmid, name);
        if (place.node === from) throw moveFailed(input, describeResult('the migration', result));
      }
      return { waitingFor: describeResult('the migration', result) };
    } catch (error) {
      if (isClientError(error) && !isPassing(error)) throw moveFailed(input, error.message);
      throw error;
    }
  };

  let looksAtHa = 0;
  /** For a guest under HA the task only tells the HA manager, and ends at once; its CRM may drop what it was told. */
  const askHa = async (guest: GuestRef): Promise<Look<GuestPlace>> => {
    if (looksAtHa++ % LOOKS_BEFORE_ASKING_HA_AGAIN === 0) {
      const asked = { ...taskOn(from), type: 'hamigrate' };
      await followOrStart(proxmox, asked, () => proxmox.migrateGuest(guest, options), following);
    }
    return { waitingFor: 'the HA manager to move it' };
  };

  return {
    tried: () => tried,
    async look(): Promise<Look<GuestPlace>> {
      const running = await proxmox.findRunningTask(taskOn(from)).catch((error: unknown) => {
        // The source may be gone by now: then the guest's place decides.
        if (isPassing(error)) return undefined;
        throw error;
      });
      if (running !== undefined) {
        tried = Math.max(tried, 1);
        const result = await followTask(proxmox, running, following);
        return { waitingFor: describeResult('the migration', result) };
      }
      const place = await locate(deps, vmid, name);
      const here: GuestRef = { type: kind, vmid, node: place.node };
      if (place.node !== from) {
        // An earlier step, or somebody else, may be moving it away from there at this moment.
        const leaving = await proxmox.findRunningTask(taskOn(place.node));
        if (leaving !== undefined) {
          return { waitingFor: describeResult('its migration', await followTask(proxmox, leaving, following)) };
        }
        if (place.running && place.lock !== 'migrate') return { found: { vmid, node: place.node } };
      }
      if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
      if (place.running) return place.haManaged === true ? askHa(here) : migrate(here);
      // No migration of ours leads to a third node.
      const theirs = (place.node !== from && place.node !== to) || (tried === 0 && !(await leftStopped(deps, input)));
      return theirs ? { found: { vmid, node: place.node } } : startAt(deps, here, following.deadline);
    },
  };
}

/** Types of tasks after which a container is in the hands of its owner again. */
const TAKEN_OVER = new Set(['vzstart', 'vzshutdown', 'vzstop']);

/**
 * Whether a stopped container is what a migration between the two nodes has left, though this activity knows of none: one
 * before it may have begun it and had no time for its end. Such a container was neither started nor stopped since.
 * Source: `GET /nodes/{node}/tasks`.
 */
async function leftStopped({ proxmox }: ActivityDeps, { vmid, kind, from, to }: MoveGuestInput): Promise<boolean> {
  if (kind !== 'lxc') return false;
  const ofGuest = ({ id }: TaskListing) => id === String(vmid);
  const left = (await proxmox.tasks(from, { source: 'all', type: 'vzmigrate', vmid })).filter(ofGuest);
  if (left.length === 0) return false;
  const since = Math.max(...left.map(({ startTime }) => startTime));
  const later = await mapLimited([from, to], 2, (node) => proxmox.tasks(node, { source: 'all', vmid, since }));
  return !later.flat().some((task) => ofGuest(task) && TAKEN_OVER.has(task.type) && task.status === 'OK');
}

function moveFailed({ vmid, name, from, to }: MoveGuestInput, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message: `${name} (${vmid}) cannot be moved from ${from} to ${to}: ${why}`,
    nonRetryable: true,
  });
}

async function awaitHaGuests(
  deps: ActivityDeps,
  { vmids, within }: HaGuestsInput,
  what: string,
  arrived: (place: GuestLocation) => boolean,
): Promise<GuestPlace[]> {
  return awaitWorld({
    what: `the HA guests ${vmids.join(', ')} ${what}`,
    within,
    intervalMs: deps.polling.intervalMs,
    errorType: ErrorType.GuestMoveFailed,
    remedy: 'ha-manager status says what the HA manager waits for.',
    look: async (): Promise<Look<GuestPlace[]>> => {
      const { services } = await deps.proxmox.haManagerStatus();
      const places = await Promise.all(vmids.map((vmid) => locate(deps, vmid, 'HA guest')));
      const stateOf = (place: GuestLocation) => services.find(({ sid }) => sid === sidOf(place))?.state;
      const given = places.filter((place) => stateOf(place) === 'error').map((place) => place.vmid);
      if (given.length > 0) throw givenUpByHa(given);
      // A service that the HA manager does not know any more is nobody's but its owner's.
      const late = places.filter(
        (place) => !arrived(place) || !place.running || (stateOf(place) ?? 'started') !== 'started',
      );
      const stopped = late.some((place) => !place.running) ? await stoppedByOwner(deps, late) : [];
      const missing = late.filter((place) => !stopped.includes(place));
      if (missing.length === 0) return { found: places.map(({ vmid, node }) => ({ vmid, node })) };
      return {
        waitingFor: missing
          .map((place) => `${place.vmid} is ${place.status} on ${place.node}, "${stateOf(place) ?? 'unknown'}" for HA`)
          .join(', '),
      };
    },
  });
}

/** Those that are down and that HA was told not to run, or does not manage any more: nobody will start or move them. */
async function stoppedByOwner({ proxmox }: ActivityDeps, places: readonly GuestLocation[]): Promise<GuestLocation[]> {
  const resources = await proxmox.haResources();
  const wanted = new Set(
    resources.filter(({ state }) => state === 'started' || state === 'enabled').map(({ sid }) => sid),
  );
  return places.filter((place) => !place.running && !wanted.has(sidOf(place)));
}

export function sidOf({ type, vmid }: GuestRef): string {
  return `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;
}

function givenUpByHa(vmids: readonly number[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message:
      `The HA manager has given up ${vmids.join(', ')} (state "error") and does not touch it any more. ` +
      'Set the HA resource to disabled, mend the guest, and set it to started.',
    nonRetryable: true,
  });
}
