import { isGuestGone, ProxmoxError, type GuestRef } from '../../clients/proxmox/index.ts';
import type { Act, GuestsStopped, GuestStop, GuestTier, GuestToStop, PowerGate } from '../../domain/outage.ts';
import type { Look } from '../await-world.ts';
import { sidOf } from '../guests.ts';
import { ask } from './ask.ts';
import { budgetOf, lookWithin, type Budget } from './budget.ts';
import type { PowerDeps } from './deps.ts';
import { mayActOf, type MayAct } from './fresh-sample.ts';
import { readOverSsh, shutDownOverSsh } from './guests-over-ssh.ts';
import { ownApi } from './signs-of-life.ts';

export interface StopGuestsInput {
  readonly node: string;
  readonly tier: GuestTier;
  /** Seconds. */
  readonly within: number;
  readonly gate: PowerGate;
}

/** Milliseconds for what comes after the time of a guest: it is stopped, and seen to be. */
const RESERVE_MS = 5_000;

/** Seconds that a guest gets, however little is left of the budget: its node goes on with it by itself. */
const LEAST_TIME = 10;

/** A guest that runs on although it was told is told again after so many looks. */
const LOOKS_BEFORE_TELLING_AGAIN = 15;

/** A node that says nothing for so many looks in a row is gone, or will not obey. */
const SILENT_LOOKS = 3;

export function createStopGuestsActivities(deps: PowerDeps) {
  return {
    /**
     * Shuts guests of a node down, all at the same time, and stops those that do not obey in their time: by the API of the
     * node, else over SSH. A backup that holds one is broken off. A guest under HA is one that the HA manager keeps stopped
     * from then on (`setHaRequests` undoes that). Sources: `POST /nodes/{node}/{type}/{vmid}/status/shutdown`, qm(1), pct(1).
     */
    async stopGuests({ node, tier, within, gate }: StopGuestsInput): Promise<GuestsStopped> {
      const budget = budgetOf(within * 1_000);
      const mayAct = mayActOf(deps, gate);
      const forbidden = await mayAct();
      if (forbidden !== null) return { ...forbidden, guests: [] };
      const stopper = createStopper(deps, node, tier, budget, mayAct);
      if (gate.rehearsal) return stopper.rehearse();
      const look = await lookWithin(budget, deps.polling.intervalMs, () => stopper.look());
      return stopper.result('found' in look ? look.found : null);
    },
  };
}

/** Where a guest is with its shutdown. */
interface Progress {
  readonly guest: GuestToStop;
  state: 'unknown' | 'running' | 'stopped' | 'away';
  /** Its node answered by this way. */
  by: 'api' | 'ssh';
  lock: string | null;
  underHa: boolean;
  /** An HA manager that was armed was asked, and has to carry it out. */
  leftToHa: boolean;
  /** Looks since it was told; null: not yet. */
  toldLooks: number | null;
  /** When its time is over and it must have been stopped: by the clock of the budget, in milliseconds. */
  over: number;
  task: string | undefined;
  forced: boolean;
  trouble: string | null;
}

function createStopper(deps: PowerDeps, node: string, tier: GuestTier, budget: Budget, mayAct: MayAct) {
  const guests = tier.map(newProgress);
  let silentLooks = 0;
  let haIsDisarmed = false;

  const refOf = ({ kind, vmid }: GuestToStop): GuestRef => ({ type: kind, vmid, node });
  const open = () => guests.filter(({ state }) => state === 'unknown' || state === 'running');
  const api = <T>(call: (proxmox: ReturnType<typeof ownApi>) => Promise<T>) =>
    ask((signal) => call(ownApi(deps, node, signal)));

  async function readAll(): Promise<void> {
    const unknown = open();
    for (const each of unknown) each.state = 'unknown';
    await Promise.all(unknown.map(readByApi));
    const rest = open().filter(({ state }) => state === 'unknown');
    if (rest.length === 0) return;
    const said = await readOverSsh(
      deps,
      node,
      rest.map(({ guest }) => guest),
    );
    for (const each of rest) {
      if ('trouble' in said) each.trouble = `${each.trouble ?? ''}; ${said.trouble.message}`;
      else each.state = said.value.get(each.guest.vmid) ?? 'unknown';
      each.by = 'ssh';
    }
  }

  async function readByApi(each: Progress): Promise<void> {
    const status = await api((proxmox) => proxmox.guestStatus(refOf(each.guest)));
    if ('trouble' in status) {
      each.trouble = status.trouble.message;
      if (isGuestGone(status.trouble)) each.state = 'away';
      return;
    }
    const { running, lock, haManaged } = status.value;
    Object.assign(each, { by: 'api', state: running ? 'running' : 'stopped', lock: lock ?? null, underHa: haManaged });
  }

  /** What is to be done about a guest that runs. Over SSH it was told once and for all. */
  function needs({ toldLooks, over, forced, by, leftToHa }: Progress): 'tell' | 'force' | null {
    if (toldLooks === null || (leftToHa && haIsDisarmed)) return 'tell';
    if (by === 'api' && !forced && budget.spent() >= over) return 'force';
    return toldLooks % LOOKS_BEFORE_TELLING_AGAIN === 0 ? 'tell' : null;
  }

  async function tellByApi(each: Progress): Promise<void> {
    const { guest } = each;
    if (each.lock === 'backup') return breakOffBackup(each);
    if (each.lock !== null) {
      each.trouble = `it is locked (${each.lock})`;
      return;
    }
    if (each.underHa && (await seesHaDisarmed())) {
      await api((proxmox) => proxmox.setHaState(sidOf(refOf(each.guest)), 'ignored'));
    }
    each.leftToHa = each.underHa && !haIsDisarmed;
    const type = guest.kind === 'qemu' ? 'qmshutdown' : 'vzshutdown';
    const running = await api((proxmox) => proxmox.findRunningTask({ node, type, id: String(guest.vmid) }));
    if ('value' in running && running.value !== undefined) return told(each, running.value);
    const options = { timeoutSeconds: timeOf(guest), forceStop: true };
    const answer = await api((proxmox) => proxmox.shutdownGuest(refOf(guest), options));
    if ('value' in answer) return told(each, answer.value);
    each.trouble = answer.trouble.message;
    // Something else holds the guest for the moment: the next look tries again. Otherwise the node may still obey over SSH.
    if (!(answer.trouble instanceof ProxmoxError && answer.trouble.type === 'ProxmoxBusy')) each.by = 'ssh';
  }

  function told(each: Progress, task?: string): void {
    if (each.toldLooks === null) each.over = budget.spent() + timeOf(each.guest) * 1_000 + RESERVE_MS;
    each.toldLooks = 1;
    each.task = task;
    each.trouble = null;
  }

  /** A backup of several guests has no vmid. Nothing else of the node is lost by its end: the node is to go. */
  async function breakOffBackup(each: Progress): Promise<void> {
    each.trouble = 'a backup holds it';
    const tasks = await api((proxmox) => proxmox.tasks(node, { source: 'active', type: 'vzdump' }));
    if ('trouble' in tasks) return;
    const running = tasks.value.filter(({ running: runs, type }) => runs && type === 'vzdump');
    const own = running.filter(({ id }) => id === String(each.guest.vmid));
    for (const { upid } of own.length > 0 ? own : running.filter(({ id }) => id === '')) {
      await api((proxmox) => proxmox.task(upid).stop());
    }
  }

  /**
   * A disarmed HA manager carries nothing out: its guests are shut down past it. One that is armed would start them again.
   * It may be disarmed at any moment, and stays so until the mains are back.
   */
  async function seesHaDisarmed(): Promise<boolean> {
    if (haIsDisarmed) return true;
    const status = await api((proxmox) => proxmox.haManagerStatus());
    haIsDisarmed ||= 'value' in status && status.value.disarmed;
    return haIsDisarmed;
  }

  async function force(each: Progress): Promise<void> {
    each.forced = true;
    const answer = await api((proxmox) => proxmox.stopGuest(refOf(each.guest), { overruleShutdown: true }));
    if ('trouble' in answer) each.trouble = answer.trouble.message;
  }

  async function tellOverSsh(those: readonly Progress[]): Promise<void> {
    const said = await shutDownOverSsh(
      deps,
      node,
      those.map(({ guest }) => ({ ...guest, timeoutSeconds: timeOf(guest) })),
    );
    for (const each of those) {
      const why = 'trouble' in said ? said.trouble.message : (said.value.get(each.guest.vmid) ?? 'no answer');
      if ('value' in said && said.value.get(each.guest.vmid) === null) told(each);
      else each.trouble = `${each.trouble ?? ''}; ${why}`;
    }
  }

  function timeOf({ timeout }: GuestToStop): number {
    const left = Math.floor((budget.left() - RESERVE_MS) / 1_000);
    return Math.max(1, Math.floor(Math.min(timeout, Math.max(left, LEAST_TIME))));
  }

  async function look(): Promise<Look<Act | null>> {
    await readAll();
    if (open().length === 0) return { found: null };
    silentLooks = open().every(({ state }) => state === 'unknown') ? silentLooks + 1 : 0;
    if (silentLooks >= SILENT_LOOKS) return { found: null };
    for (const each of open()) if (each.toldLooks !== null) each.toldLooks += 1;
    const running = open().filter(({ state }) => state === 'running');
    if (running.some(({ leftToHa }) => leftToHa)) await seesHaDisarmed();
    const forbidden = await act(running);
    return forbidden === null ? { waitingFor: namesOf(open()) } : { found: forbidden };
  }

  async function act(running: readonly Progress[]): Promise<Act | null> {
    const due = running.map((each) => ({ each, need: needs(each) })).filter(({ need }) => need !== null);
    if (due.length === 0) return null;
    const forbidden = await mayAct();
    if (forbidden !== null) return forbidden;
    await Promise.all(
      due
        .filter(({ each }) => each.by === 'api')
        .map(({ each, need }) => (need === 'force' ? force(each) : tellByApi(each))),
    );
    const overSsh = due.flatMap(({ each, need }) => (each.by === 'ssh' && need === 'tell' ? [each] : []));
    if (overSsh.length === 0) return null;
    const stillForbidden = await mayAct();
    if (stillForbidden === null) await tellOverSsh(overSsh);
    return stillForbidden;
  }

  async function findOutWhoWasForced(): Promise<void> {
    await Promise.all(
      guests.map(async (each) => {
        const { task } = each;
        if (each.state !== 'stopped' || each.forced || task === undefined) return;
        const end = await ask((signal) => deps.proxmox.with({ via: node, signal }).task(task).follow({ signal }));
        each.forced = 'value' in end && end.value.log.some((line) => /terminating now with SIG/.test(line));
      }),
    );
  }

  return {
    look,
    async rehearse(): Promise<GuestsStopped> {
      await readAll();
      const list = guests.map((each) => ({ ...stopOf(each), words: wouldBe(each) }));
      return { outcome: 'done', words: `would shut down ${namesOf(open()) || 'no guest'} on ${node}`, guests: list };
    },
    async result(forbidden: Act | null): Promise<GuestsStopped> {
      await findOutWhoWasForced();
      const list = guests.map(stopOf);
      if (forbidden !== null) return { ...forbidden, guests: list };
      const up = open();
      if (up.length === 0) return { outcome: 'done', words: `${namesOf(guests) || 'no guest'}: down`, guests: list };
      const words =
        silentLooks >= SILENT_LOOKS
          ? `${node} answers neither by its API nor over SSH (${up[0]?.trouble ?? ''})`
          : `still up on ${node}: ${namesOf(up)}`;
      return { outcome: 'failed', words, guests: list };
    },
  };
}

function newProgress(guest: GuestToStop): Progress {
  return {
    ...{ guest, state: 'unknown', by: 'api', lock: null, underHa: false, leftToHa: false, toldLooks: null, over: 0 },
    ...{ task: undefined, forced: false, trouble: null },
  };
}

function stopOf(each: Progress): GuestStop {
  const { guest, state, forced } = each;
  const stopped = state === 'stopped' || state === 'away';
  return { vmid: guest.vmid, name: guest.name, stopped, forced: stopped && forced, words: wordsOf(each) };
}

function wordsOf({ state, forced, toldLooks, trouble, underHa }: Progress): string {
  if (state === 'away') return 'is not on this node any more';
  if (state === 'stopped' && toldLooks === null) return 'is down';
  const by = underHa ? ', by the HA manager' : '';
  if (state === 'stopped') return forced ? 'did not shut down in time and was stopped' : `shut down${by}`;
  const known = state === 'running' ? 'still runs' : 'not known';
  return trouble === null ? known : `${known}: ${trouble}`;
}

function wouldBe(each: Progress): string {
  return each.state === 'running' ? `would be shut down within ${each.guest.timeout} s` : wordsOf(each);
}

function namesOf(guests: readonly Progress[]): string {
  return guests.map(({ guest }) => `${guest.name} (${guest.vmid})`).join(', ');
}
