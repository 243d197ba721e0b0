import { Context, heartbeat, CancelledFailure } from '@temporalio/activity';
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundlePath } from '@temporalio/worker';
import type { PowerActivities } from '../../../activities/power/index.ts';
import type { WatchPowerInput, WatchPowerResult } from '../../../activities/power/watch.ts';
import { powerGuardId, powerOutageId, powerRestoreId } from '../../../domain/ids.ts';
import type { Act, OutageReport, PowerGate, PowerSettings, SiteBefore } from '../../../domain/outage.ts';
import { toMilliseconds } from '../../../domain/duration.ts';
import { classOf } from '../../../planning/power-class.ts';
import { uniqueName, workflowBundle } from '../temporal.ts';
import { isIdle } from './idle.ts';
import { powerSettings } from './settings.ts';
import { TAKES, VirtualSite, VirtualWatch, type SiteOptions } from './virtual-site.ts';

type Name = keyof PowerActivities;
type Input<K extends Name> = Parameters<PowerActivities[K]>[0];
type Output<K extends Name> = Awaited<ReturnType<PowerActivities[K]>>;

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

interface Watching {
  readonly watch: VirtualWatch;
  readonly news: () => void;
}

export interface PowerRunOptions extends SiteOptions {
  readonly settings?: (settings: PowerSettings) => PowerSettings;
  /** The one of the test run unless given. */
  readonly workflowBundle?: WorkflowBundlePath;
  /** Parts of the site as `readSite` tells it. */
  readonly before?: (site: SiteBefore) => SiteBefore;
  /** Instead of what an activity does; it may throw, and it is called with what it would do. */
  readonly instead?: {
    [K in Name]?: (input: Input<K>, usual: () => Promise<Output<K>>, run: PowerRun) => Promise<Output<K>>;
  };
  /** Virtual seconds after which the day is over in any case. */
  readonly longest?: number;
  /** Virtual seconds that the day lasts although nothing goes on any more. */
  readonly shortest?: number;
  /** Done once, at a virtual second. */
  readonly meanwhile?: readonly { readonly at: number; readonly act: (run: PowerRun) => Promise<void> }[];
}

/**
 * A day of the virtual site with the real workflows of power: activities take virtual time, and the day goes on only when
 * nothing real is left to be done. So a run is the same whatever the machine it runs on has to do besides.
 */
export class PowerRun {
  readonly site: VirtualSite;
  readonly settings: PowerSettings;
  /** Which guests ran when the day began, by vmid. */
  readonly guestsBefore: ReadonlyMap<number, boolean>;
  readonly mails: { readonly at: number; readonly subject: string; readonly text: string }[] = [];
  readonly calls: { readonly at: number; readonly name: Name; readonly input: unknown }[] = [];
  readonly #environment: TestWorkflowEnvironment;
  readonly #options: PowerRunOptions;
  readonly #taskQueue = uniqueName('power');
  readonly #sleepers = new Set<Sleeper>();
  readonly #watching = new Set<Watching>();
  /** Activities that are about to wait, or to end. */
  #busy = 0;

  constructor(environment: TestWorkflowEnvironment, options: PowerRunOptions) {
    this.#environment = environment;
    this.#options = options;
    this.site = new VirtualSite(options);
    this.guestsBefore = new Map(this.site.guests.map(({ vmid, running }) => [vmid, running]));
    const settings = powerSettings(uniqueName('ups'), [...this.site.nodes.keys()]);
    this.settings = options.settings?.(settings) ?? settings;
  }

  get client() {
    return this.#environment.client;
  }

  get outageId(): string {
    return powerOutageId(this.settings.ups);
  }

  get restoreId(): string {
    return powerRestoreId(this.settings.ups);
  }

  /** Lives through the day. Returns the report of the outage, or null when there was none. */
  async live(): Promise<OutageReport | null> {
    const worker = await Worker.create({
      connection: this.#environment.nativeConnection,
      namespace: this.#environment.namespace ?? 'default',
      taskQueue: this.#taskQueue,
      workflowBundle: this.#options.workflowBundle ?? workflowBundle(),
      activities: this.#activities(),
      maxHeartbeatThrottleInterval: '10 ms',
      defaultHeartbeatThrottleInterval: '10 ms',
    });
    return worker.runUntil(async () => {
      const guard = await this.client.workflow.start('powerGuard', {
        workflowId: powerGuardId(this.settings.ups),
        taskQueue: this.#taskQueue,
        args: [],
      });
      try {
        await this.#passTheDay();
        return await this.#report();
      } finally {
        // The guard runs for ever; nothing real is left behind.
        await guard.terminate('the day is over').catch(() => undefined);
        for (const id of [this.outageId, this.restoreId]) {
          await this.client.workflow
            .getHandle(id)
            .terminate('the day is over')
            .catch(() => undefined);
        }
        for (const { news } of this.#watching) news();
        for (const { wake } of this.#sleepers) wake();
      }
    });
  }

  /** Percent, at a second of the day that is past. */
  chargeAt(second: number): number {
    return this.site.charges[second] ?? 0;
  }

  /** Waits so many virtual seconds. */
  pass(seconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      const sleeper: Sleeper = {
        until: this.site.now + Math.max(1, Math.ceil(seconds)),
        wake: () => {
          end();
          resolve();
        },
      };
      const end = (): void => {
        if (over) return;
        over = true;
        this.#sleepers.delete(sleeper);
        this.#busy += 1;
      };
      this.#sleepers.add(sleeper);
      this.#busy -= 1;
      // A step that is given up, or whose run has ended, waits for nothing any more.
      Context.current().cancelled.catch((error: unknown) => {
        if (over) return;
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  async #passTheDay(): Promise<void> {
    const { shortest = 0, longest = Math.max(shortest, 4 * 3_600), meanwhile = [] } = this.#options;
    const due = [...meanwhile].sort((a, b) => a.at - b.at);
    const quietSince = { at: 0 };
    while (this.site.now < longest) {
      const { outageOpen } = await this.#settle();
      const last = this.#options.mains.at(-1)?.at ?? 0;
      // A whole outage and its return are over, or there was none.
      if (!outageOpen && this.site.mains() && this.site.now > Math.max(last + 30, shortest)) {
        if (quietSince.at !== 0) return;
        quietSince.at = this.site.now;
      }
      while (due[0] !== undefined && due[0].at <= this.site.now) {
        await due.shift()?.act(this);
        await this.#settle();
      }
      this.#goOn(Math.min(longest, due[0]?.at ?? longest, this.site.now + BREATH));
    }
  }

  /** Second by second to the next moment at which somebody has something to do. */
  #goOn(limit: number): void {
    for (;;) {
      const watching = [...this.#watching];
      this.site.tick();
      const news = watching.filter(({ watch }) => watch.look());
      const due = [...this.#sleepers].filter(({ until }) => until <= this.site.now);
      for (const each of news) each.news();
      for (const each of due) each.wake();
      if (news.length > 0 || due.length > 0 || this.site.now >= limit) return;
    }
  }

  /** Waits until every run has done what it can do at this moment of the day. */
  async #settle(): Promise<{ readonly outageOpen: boolean }> {
    for (;;) {
      if (this.#busy > 0) {
        await immediately();
        continue;
      }
      const waiting = this.#sleepers.size + this.#watching.size;
      const runs = await Promise.all(
        [powerGuardId(this.settings.ups), this.outageId, this.restoreId].map((id) => this.#describe(id)),
      );
      const open = runs.filter((run) => run?.status.name === 'RUNNING');
      const pending = open.flatMap((run) => run?.raw.pendingActivities ?? []);
      const closed = runs.flatMap((run) => (run === null || open.includes(run) ? [] : [run.workflowId]));
      const idle = open.every((run) => run !== null && isIdle(run, closed)) && waiting > 0;
      const still = waiting === this.#sleepers.size + this.#watching.size && this.#busy === 0;
      if (idle && still && pending.length === waiting) return { outageOpen: open.length > 1 };
      await immediately();
    }
  }

  async #describe(id: string): Promise<WorkflowExecutionDescription | null> {
    try {
      return await this.client.workflow.getHandle(id).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  async #report(): Promise<OutageReport | null> {
    const run = await this.#describe(this.outageId);
    if (run === null) return null;
    if (run.status.name === 'RUNNING') {
      const open = [run, await this.#describe(this.restoreId)].map((each) => ({
        id: each?.workflowId,
        status: each?.status.name,
        pending: each?.raw.pendingActivities?.map(({ activityType, lastFailure }) => [
          activityType?.name,
          lastFailure?.message,
        ]),
        children: each?.raw.pendingChildren?.map(({ workflowId }) => workflowId),
        task: each?.raw.pendingWorkflowTask,
      }));
      throw new Error(`the outage is not over at ${this.site.now} s: ${JSON.stringify([this.story(), open], null, 1)}`);
    }
    const { report } = (await this.client.workflow.getHandle(this.outageId).result()) as { report: OutageReport };
    return report;
  }

  /** What has happened, for the message of a test that fails. */
  story(): string[] {
    return this.site.events.map(({ at, what }) => `${at} ${what}`);
  }

  /** An act against the outage, with the look that precedes it. */
  async #act(gate: PowerGate, seconds: number, act: () => string): Promise<Act> {
    const reading = this.site.look();
    if (gate.rehearsal) return { outcome: 'done', words: 'would be done' };
    if (reading === null && !gate.blind) return { outcome: 'no-sample', words: 'no answer' };
    if (reading !== null && classOf(reading, this.settings.rules) === 'online') {
      return { outcome: 'mains-on', words: reading.status.join(' ') };
    }
    const words = act();
    await this.pass(seconds);
    return { outcome: 'done', words };
  }

  #activities(): PowerActivities {
    const { site } = this;
    const usual: { [K in Name]: (input: Input<K>) => Promise<Output<K>> } = {
      loadPowerSettings: async () => this.settings,
      watchPower: (input) => this.#watch(input),
      readPowerNow: async () => ({ reading: site.look(), trouble: null }),
      readSite: async () => {
        await this.pass(2);
        const told = this.#siteNow();
        return this.#options.before?.(told) ?? told;
      },
      stopGuests: async ({ node, tier, gate }) => {
        const act = await this.#act(gate, TAKES.guestStops, () => {
          site.record(`${node}: stop ${tier.map(({ name }) => name).join(', ')}`);
          return 'told';
        });
        if (act.outcome === 'done' && !gate.rehearsal) {
          for (const { vmid } of tier) this.#guest(vmid).running = false;
        }
        return { ...act, guests: [] };
      },
      shutDownNode: ({ node, gate }) =>
        this.#act(gate, 1, () => {
          site.shutDown(node);
          return 'accepted';
        }),
      awaitNodeOff: async ({ node, within }) => {
        const end = site.now + toMilliseconds(within) / 1_000;
        while (site.now < end) {
          if (site.node(node).state === 'off') {
            await this.pass(TAKES.silentLooks);
            return { off: 'verified', words: 'silent' };
          }
          await this.pass(site.pauseAt(node));
        }
        return { off: 'unverified', words: 'it still answers' };
      },
      awaitNodeUp: ({ node, within }) => this.#awaitUp(node, toMilliseconds(within) / 1_000),
      wakeNode: async ({ node, within, rehearsal }) => {
        if (rehearsal) return { outcome: 'done', words: 'would be woken' };
        if (site.node(node).state === 'on') return { outcome: 'done', words: 'was up' };
        site.wake(node);
        return this.#awaitUp(node, toMilliseconds(within) / 1_000);
      },
      cycleNode: async () => ({ outcome: 'failed', words: 'there is no BMC' }),
      awaitRejoin: async ({ node }) => {
        await this.pass(TAKES.join);
        return { node } as Output<'awaitRejoin'>;
      },
      awaitDoors: async () => ({ outcome: 'done', words: 'they answer' }),
      setExpectedVotes: async ({ node, votes }) => {
        site.record(`${node}: expects ${votes}`);
        return { outcome: 'done', words: `${votes} votes expected` };
      },
      setHaRequests: async () => ({ outcome: 'done', words: 'as before' }),
      ensureHaArmed: async ({ armed }) => {
        site.record(armed ? 'HA armed' : 'HA disarmed');
        await this.pass(10);
      },
      moveGuestAway: ({ guest, to, gate }) =>
        this.#act(gate, 20, () => {
          this.#guest(guest.vmid).node = to;
          site.record(`${guest.name} moves to ${to}`);
          return 'moved';
        }),
      moveGuest: async ({ vmid, to }) => {
        await this.pass(20);
        this.#guest(vmid).node = to;
        return { vmid, node: to };
      },
      awaitGuests: async ({ vmids, within }) => {
        await this.pass(Math.max(1, toMilliseconds(within) / 1_000));
        return vmids.filter((vmid) => this.#guest(vmid).running);
      },
      startGuests: async ({ guests, rehearsal }) => {
        if (!rehearsal) await this.pass(TAKES.guestStarts);
        return guests.map(({ vmid, name, node }) => {
          const running = site.node(node).state === 'on';
          if (running && !rehearsal) {
            this.#guest(vmid).running = true;
            site.record(`start ${name}`);
          }
          return { vmid, name, running, words: running ? 'runs' : `${node} is away` };
        });
      },
      requestLease: async () => ({ granted: true }),
      isRunOver: async () => false,
      sendMail: async ({ subject, text }) => {
        this.mails.push({ at: site.now, subject, text });
        return { configured: true, accepted: ['admin@example.org'], deferred: [], refused: [] };
      },
    };
    const outside: readonly Name[] = ['sendMail'];
    return Object.fromEntries(
      (Object.keys(usual) as Name[]).map((name) => [
        name,
        this.#counted(name, usual[name] as never, !outside.includes(name)),
      ]),
    ) as unknown as PowerActivities;
  }

  /** Mails are sent by runs of their own, whose activities nobody waits for. */
  #counted(name: Name, usual: (input: never) => Promise<unknown>, counts: boolean) {
    const instead = this.#options.instead?.[name] as
      ((input: never, usual: () => Promise<unknown>, run: PowerRun) => Promise<unknown>) | undefined;
    const act = (input: never) => (instead === undefined ? usual(input) : instead(input, () => usual(input), this));
    return async (input: never): Promise<unknown> => {
      if (!counts) return act(input);
      this.#busy += 1;
      const beat = setInterval(() => heartbeat(), 10);
      try {
        this.calls.push({ at: this.site.now, name, input });
        return await act(input);
      } finally {
        clearInterval(beat);
        this.#busy -= 1;
      }
    };
  }

  /** As the activity does: comes back with news, or with what it has when it is cancelled. */
  async #watch({ state, rules, seen }: WatchPowerInput): Promise<WatchPowerResult> {
    const at = state.seenAt?.monotonic ?? this.site.now;
    const watch = new VirtualWatch(this.site, { watch: state.watch, at, rules, seen });
    if (!watch.look()) {
      const context = Context.current();
      await new Promise<void>((resolve) => {
        const watching: Watching = { watch, news: () => resume() };
        let over = false;
        const resume = (): void => {
          if (over) return;
          over = true;
          this.#watching.delete(watching);
          this.#busy += 1;
          resolve();
        };
        this.#watching.add(watching);
        this.#busy -= 1;
        context.cancelled.catch((error: unknown) => {
          if (error instanceof CancelledFailure) resume();
        });
      });
    }
    const seenAt = { boot: 'virtual', monotonic: watch.lookedAt, wall: watch.lookedAt };
    return { state: { watch: watch.watch, seenAt }, verdict: watch.verdict() };
  }

  async #awaitUp(node: string, seconds: number): Promise<Act> {
    const end = this.site.now + seconds;
    while (this.site.now < end) {
      if (this.site.node(node).state === 'on') return { outcome: 'done', words: 'it is up' };
      await this.pass(this.site.pauseAt(node));
    }
    return { outcome: 'failed', words: 'it does not answer' };
  }

  #guest(vmid: number) {
    const guest = this.site.guests.find((each) => each.vmid === vmid);
    if (guest === undefined) throw new Error(`there is no guest ${vmid}`);
    return guest;
  }

  #siteNow(): SiteBefore {
    const on = (name: string): boolean => this.site.node(name).state === 'on';
    const names = [...this.site.nodes.keys()];
    if (!names.some(on)) throw new Error('no node answers');
    return {
      takenAt: new Date(0).toISOString(),
      quorum: { quorate: true, expectedVotes: names.length, quorum: Math.floor(names.length / 2) + 1, qdevice: null },
      nodes: names.map((name) => ({ name, online: on(name), votes: 1, memory: 64 * 2 ** 30, health: null })),
      guests: this.site.guests.map(({ vmid, name, node, running, order }) => ({
        vmid,
        kind: 'lxc',
        name,
        node,
        running,
        tags: [],
        maxMemory: 2 ** 30,
        startupOrder: order,
        lock: null,
        sid: null,
      })),
      ha: { armed: null, active: false, requested: {} },
    };
  }
}

/** Virtual seconds in a row; then heartbeats have their turn, without which an activity counts as lost. */
const BREATH = 900;

const immediately = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
