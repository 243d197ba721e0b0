import type { EventLog, LabEvent } from './core/event-log.ts';

/** One migration as it happened. */
export interface MonitoredMigration {
  readonly guest: string;
  readonly from: string;
  readonly to: string;
}

/** What happened to the cluster so far, counted. Keys are event subjects: `node/pve-node1`, `lxc/192`. */
export interface MonitorReport {
  /** Most nodes ever away at the same moment. */
  readonly mostNodesAway: number;
  readonly quorumLost: number;
  readonly fenced: readonly string[];
  /** Orderly reboots and shutdowns, and other losses of power, by node. */
  readonly reboots: Readonly<Record<string, number>>;
  readonly powerCuts: Readonly<Record<string, number>>;
  /** Runs of an upgrade by machine. */
  readonly upgrades: Readonly<Record<string, number>>;
  /** Virtual milliseconds a guest was not up, counting one that still is down. */
  readonly guestDowntimeMs: Readonly<Record<string, number>>;
  readonly migrations: readonly MonitoredMigration[];
}

/** Watches the event log for what must never happen, and counts what should happen only once. */
export class Monitor {
  readonly #now: () => number;
  readonly #stop: () => void;
  readonly #violations: string[] = [];
  readonly #away = new Set<string>();
  /** Nodes whose present absence has been counted. */
  readonly #counted = new Set<string>();
  readonly #downSince = new Map<string, number>();
  readonly #downtime = new Map<string, number>();
  readonly #fenced: string[] = [];
  readonly #reboots = new Map<string, number>();
  readonly #powerCuts = new Map<string, number>();
  readonly #upgrades = new Map<string, number>();
  readonly #migrations: MonitoredMigration[] = [];
  #mostAway = 0;
  #quorumLost = 0;

  constructor(log: EventLog, now: () => number) {
    this.#now = now;
    this.#stop = log.subscribe((event) => this.#see(event));
  }

  /** What happens from now on is no longer counted. */
  stop(): void {
    this.#stop();
  }

  /** Sentences about what must never happen and did, oldest first. */
  violations(): readonly string[] {
    return [...this.#violations];
  }

  report(): MonitorReport {
    const downtime = new Map(this.#downtime);
    for (const [guest, since] of this.#downSince) downtime.set(guest, (downtime.get(guest) ?? 0) + this.#now() - since);
    return {
      mostNodesAway: this.#mostAway,
      quorumLost: this.#quorumLost,
      fenced: [...this.#fenced],
      reboots: Object.fromEntries(this.#reboots),
      powerCuts: Object.fromEntries(this.#powerCuts),
      upgrades: Object.fromEntries(this.#upgrades),
      guestDowntimeMs: Object.fromEntries(downtime),
      migrations: [...this.#migrations],
    };
  }

  #see(event: LabEvent): void {
    const { action, subject, at, detail } = event;
    switch (action) {
      case 'node.shutdown':
        return this.#takenAway(subject, at);
      case 'node.off':
        if (!this.#away.has(subject)) count(this.#powerCuts, subject);
        else if (!this.#counted.has(subject)) count(this.#reboots, subject);
        this.#counted.add(subject);
        return this.#leave(subject);
      case 'node.up':
        this.#away.delete(subject);
        this.#counted.delete(subject);
        return;
      case 'node.fenced':
        this.#fenced.push(subject);
        this.#violations.push(`${at}: ${subject} fenced itself`);
        return;
      case 'quorum.lost':
        this.#quorumLost++;
        return;
      case 'upgrade.start':
        count(this.#upgrades, subject);
        return;
      case 'guest.stop':
        this.#downSince.set(subject, Date.parse(at));
        return;
      case 'guest.up':
        return this.#guestUp(subject, Date.parse(at));
      case 'guest.migrated':
        this.#migrations.push({ guest: subject, from: String(detail['from']), to: String(detail['to']) });
    }
  }

  /** An orderly shutdown is somebody's doing; a loss of power is not. */
  #takenAway(node: string, at: string): void {
    const others = [...this.#away].filter((other) => other !== node);
    if (others.length > 0) this.#violations.push(`${at}: ${node} was taken away while ${others.join(', ')} was away`);
    this.#leave(node);
  }

  #leave(node: string): void {
    this.#away.add(node);
    this.#mostAway = Math.max(this.#mostAway, this.#away.size);
  }

  #guestUp(guest: string, at: number): void {
    const since = this.#downSince.get(guest);
    if (since === undefined) return;
    this.#downSince.delete(guest);
    this.#downtime.set(guest, (this.#downtime.get(guest) ?? 0) + at - since);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
