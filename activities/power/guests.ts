import { cancellationSignal } from '@temporalio/activity';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { GuestKind } from '../../domain/cluster.ts';
import type { Act, GuestToStop, PowerGate } from '../../domain/outage.ts';
import type { PowerReading } from '../../domain/power.ts';
import { locate } from '../guest-place.ts';
import { createGuestActivities } from '../guests.ts';
import { ask } from './ask.ts';
import { budgetOf, lookWithin } from './budget.ts';
import type { PowerDeps } from './deps.ts';
import { readBeforeActing } from './fresh-sample.ts';

export interface MoveGuestAwayInput {
  readonly guest: GuestToStop;
  readonly from: string;
  readonly to: string;
  readonly within: Duration;
  readonly gate: PowerGate;
}

export interface GuestToStart {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
  /** Where it ran before; it is started where it is now. */
  readonly node: string;
}

export interface StartGuestsInput {
  /** Started at the same time. */
  readonly guests: readonly GuestToStart[];
  readonly within: Duration;
  readonly rehearsal: boolean;
}

export interface GuestStart {
  readonly vmid: number;
  readonly name: string;
  readonly running: boolean;
  readonly words: string;
}

/** What is done to one guest of each kind while it goes down. */
const ENDING = { qemu: ['qmshutdown', 'qmstop'], lxc: ['vzshutdown', 'vzstop'] } as const;

export function createPowerGuestActivities(deps: PowerDeps) {
  const { proxmox, polling } = deps;
  const guestActivities = createGuestActivities(deps);

  /** A guest that is on its way down runs, and would not for long. */
  async function isGoingDown({ vmid, kind, name }: GuestToStart): Promise<boolean> {
    const { node, running } = await locate(deps, vmid, name);
    if (!running) return false;
    const tasks = ENDING[kind].map((type) => proxmox.findRunningTask({ node, type, id: String(vmid) }));
    return (await Promise.all(tasks)).some((task) => task !== undefined);
  }

  async function start(guest: GuestToStart, within: Duration): Promise<GuestStart> {
    await lookWithin(budgetOf(toMilliseconds(within)), polling.intervalMs, async () => {
      const goingDown = await ask(() => isGoingDown(guest));
      return 'value' in goingDown && goingDown.value
        ? { waitingFor: `${guest.name} (${guest.vmid}) to be down first` }
        : { found: true };
    });
    const { vmid, name } = guest;
    try {
      const { node } = await guestActivities.ensureGuestRunning({ ...guest, within });
      return { vmid, name, running: true, words: `runs on ${node}` };
    } catch (error) {
      return { vmid, name, running: false, words: wordsOf(error) };
    }
  }

  return {
    /**
     * Moves a guest to a node that stays, if the charge is still high enough: a guest that moves draws power on two nodes. A move that takes too long is broken off, so that the guest can be shut down: it
     * goes on running where it was, but for a container, which is stopped already.
     */
    async moveGuestAway({ guest, from, to, within, gate }: MoveGuestAwayInput): Promise<Act> {
      const { forbidden, reading } = await readBeforeActing(deps, gate);
      if (forbidden !== null) return forbidden;
      const { vmid, kind, name } = guest;
      const what = `${name} (${vmid}) from ${from} to ${to}`;
      const tooLittle = tooLittleToMove(reading, deps.power.settings().guests.migrateAbove);
      if (tooLittle !== null) return { outcome: 'failed', words: `did not move ${what}: ${tooLittle}` };
      if (gate.rehearsal) return { outcome: 'done', words: `would move ${what}` };
      try {
        const { node } = await guestActivities.moveGuest({ vmid, kind, name, from, to, withLocalDisks: true, within });
        return { outcome: 'done', words: node === to ? `moved ${what}` : `${name} (${vmid}) is on ${node}` };
      } catch (error) {
        const words = wordsOf(error);
        const type = kind === 'qemu' ? 'qmigrate' : 'vzmigrate';
        const running = await ask(() => proxmox.findRunningTask({ node: from, type, id: String(vmid) }));
        const task = 'value' in running ? running.value : undefined;
        if (task === undefined) return { outcome: 'failed', words };
        const stopped = await ask(() => proxmox.task(task).stop());
        const end = 'value' in stopped ? 'the move was broken off' : `the move goes on (${stopped.trouble.message})`;
        return { outcome: 'failed', words: `${words} ${end}` };
      }
    },

    /**
     * Waits until all of the guests run, or the time is over; tells which of them run. What cannot be asked runs not, as far
     * as anybody knows.
     */
    async awaitGuests({
      vmids,
      within,
    }: {
      readonly vmids: readonly number[];
      readonly within: Duration;
    }): Promise<number[]> {
      let running: number[] = [];
      await lookWithin(budgetOf(toMilliseconds(within)), polling.intervalMs, async () => {
        const listing = await ask(() => proxmox.resources());
        if ('trouble' in listing) return { waitingFor: listing.trouble.message };
        const seen = listing.value.guests.filter(({ status }) => status === 'running').map(({ vmid }) => vmid);
        running = vmids.filter((vmid) => seen.includes(vmid));
        return running.length === vmids.length
          ? { found: true }
          : { waitingFor: `${vmids.length - running.length} guests to run` };
      });
      return running;
    },

    /**
     * Starts guests wherever they are now, and waits until they run. One that is still on its way down is let down first.
     * Tells of each whether it runs.
     */
    async startGuests({ guests, within, rehearsal }: StartGuestsInput): Promise<GuestStart[]> {
      if (!rehearsal) return Promise.all(guests.map((guest) => start(guest, within)));
      return Promise.all(
        guests.map(async ({ vmid, name }) => {
          const place = await ask(() => locate(deps, vmid, name));
          if ('trouble' in place) return { vmid, name, running: false, words: place.trouble.message };
          const { running, node } = place.value;
          return { vmid, name, running, words: running ? `runs on ${node}` : `would be started on ${node}` };
        }),
      );
    },
  };
}

/** Why the battery may not see the end of a move; null: it may. */
function tooLittleToMove(reading: PowerReading | null, migrateAbove: number): string | null {
  if (reading === null || 'absent' in reading.charge) return 'the UPS reports no charge';
  const { value } = reading.charge;
  return value >= migrateAbove ? null : `the charge is ${value} %, and below ${migrateAbove} % no guest is moved`;
}

/** Why it failed; that the activity is canceled is no trouble of the world. */
function wordsOf(error: unknown): string {
  cancellationSignal().throwIfAborted();
  return error instanceof Error ? error.message : String(error);
}
