import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import type { GuestLocation, GuestRef, TaskResult } from '../clients/proxmox/index.ts';
import type { GuestKind } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { isClientError, isPassing, report } from './guard.ts';

/** A migration that failed this often will not work the next time either. */
const MIGRATION_TRIES = 3;

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
     * on `from` has been moved by somebody else: it stays where it is. A guest found stopped there, though we did not
     * stop it, stays stopped. Fails with `GuestMoveFailed`.
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
          const result = await followOrStart(deps, task, () => proxmox.shutdownGuest(guest));
          return { waitingFor: describeResult('the shutdown', result) };
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
          return place.running ? { found: { vmid, node: place.node } } : startAt(deps, { ...place, type: kind });
        },
      });
    },

    /** Waits until the HA manager has its guests running on other nodes. */
    awaitHaGuestsAway(input: HaGuestsInput): Promise<GuestPlace[]> {
      return awaitHaGuests(deps, input, `to be moved off ${input.node}`, (place) => place.node !== input.node);
    },

    /** Waits until the HA manager has its guests running on their node again. */
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
  const { attempt, heartbeatDetails } = activityInfo();
  const remembered = heartbeatDetails as { tried?: number } | undefined;
  let tried = remembered?.tried ?? (attempt > 1 && kind === 'lxc' ? 1 : 0);
  let ended = 0;
  const task = { node: from, type: kind === 'qemu' ? 'qmigrate' : 'vzmigrate', id: String(vmid) };
  const options =
    kind === 'qemu'
      ? { target: to, online: true, ...(withLocalDisks ? { withLocalDisks } : {}) }
      : { target: to, restart: true };

  const migrate = async (guest: GuestRef): Promise<Look<GuestPlace>> => {
    tried += 1;
    report({ tried, waitingFor: 'the migration' });
    try {
      const result = await followOrStart(deps, task, () => proxmox.migrateGuest(guest, options));
      ended += 1;
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

  return {
    tried: () => tried,
    async look(): Promise<Look<GuestPlace>> {
      const running = await proxmox.findRunningTask(task).catch((error: unknown) => {
        // The source may be gone by now: then the guest's place decides.
        if (isPassing(error)) return undefined;
        throw error;
      });
      if (running !== undefined) {
        tried = Math.max(tried, 1);
        const result = await proxmox.task(running).follow({ signal: cancellationSignal() });
        return { waitingFor: describeResult('the migration', result) };
      }
      const place = await locate(deps, vmid, name);
      const here: GuestRef = { type: kind, vmid, node: place.node };
      if (place.running && place.node !== from) return { found: { vmid, node: place.node } };
      if (place.lock !== undefined) return { waitingFor: `it is locked (${place.lock})` };
      if (place.running) return migrate(here);
      if (place.node === from && tried === 0) return { found: { vmid, node: from } };
      return startAt(deps, here);
    },
  };
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
      const places = await Promise.all(vmids.map((vmid) => locate(deps, vmid, 'HA guest')));
      const missing = places.filter((place) => !arrived(place) || !place.running);
      if (missing.length === 0) return { found: places.map(({ vmid, node }) => ({ vmid, node })) };
      return { waitingFor: missing.map((place) => `${place.vmid} is ${place.status} on ${place.node}`).join(', ') };
    },
  });
}

async function locate(deps: ActivityDeps, vmid: number, name: string): Promise<GuestLocation> {
  const place = await deps.proxmox.guestLocation(vmid);
  if (place) return place;
  throw ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message: `${name} (${vmid}) no longer exists. Somebody removed it during the run; start again.`,
    nonRetryable: true,
  });
}

async function startAt(deps: ActivityDeps, guest: GuestRef): Promise<{ waitingFor: string }> {
  const task = { node: guest.node, type: guest.type === 'qemu' ? 'qmstart' : 'vzstart', id: String(guest.vmid) };
  const result = await followOrStart(deps, task, () => deps.proxmox.startGuest(guest));
  return { waitingFor: describeResult('the start', result) };
}

/** Follows the task of that kind that runs already; else starts one. So a second attempt never starts a second task. */
async function followOrStart(
  { proxmox }: ActivityDeps,
  task: { readonly node: string; readonly type: string; readonly id: string },
  post: () => Promise<string>,
): Promise<TaskResult> {
  const upid = (await proxmox.findRunningTask(task)) ?? (await proxmox.startTask({ ...task, post }));
  return proxmox.task(upid).follow({ signal: cancellationSignal() });
}

function describeResult(what: string, result: TaskResult): string {
  if (result.status === 'ok' || result.status === 'warnings') return `${what} has ended, its effect does not show yet`;
  const last = result.log.at(-1);
  return `${what} ended with "${result.exitstatus}"${last === undefined ? '' : ` (${last})`}`;
}
