import { LONGEST_WATCH } from '../../../activities/power/watch.ts';
import { NEW_WATCH, isSameVerdict, observe, verdictOf } from '../../../planning/power-watch.ts';
import { readPower } from '../../../planning/power-reading.ts';
import type { PowerReading, PowerRules, PowerSample, PowerVerdict, PowerWatch } from '../../../domain/power.ts';

/** Watt, watt-hours: those of the lab's reference site. */
const POWER = { node: 160, nodeOff: 8, other: 60, battery: 120, charger: 45 } as const;

/** Seconds that things take in the virtual site. */
export const TAKES = { guestStops: 20, halt: 30, boot: 90, join: 10, guestStarts: 15, silentLooks: 6 } as const;

/** Seconds of the day at which something begins to be so; the last one counts. */
export interface Change<T> {
  readonly at: number;
  readonly value: T;
}

export interface VirtualEvent {
  /** Seconds. */
  readonly at: number;
  readonly what: string;
}

interface VirtualNode {
  readonly name: string;
  /** Until when it does what it does; then it is what comes next. */
  state: 'on' | 'going-down' | 'off' | 'booting';
  until: number;
  boots: number;
}

export interface VirtualGuest {
  readonly vmid: number;
  readonly name: string;
  node: string;
  running: boolean;
  readonly onboot: boolean;
  readonly order: number | null;
}

export interface SiteOptions {
  readonly mains: readonly Change<boolean>[];
  /** What the UPS says instead of what is so: words of `ups.status`, or null for no answer at all. */
  readonly says?: (second: number, truth: string) => string | null;
  /** Variables on top of what it says. */
  readonly variables?: (second: number) => Readonly<Record<string, string>>;
  readonly nodes?: readonly string[];
  readonly guests?: readonly VirtualGuest[];
  /** Percent at the beginning. */
  readonly charge?: number;
  /** Nodes that are off when the day begins. */
  readonly off?: readonly string[];
  /** Nodes in the middle of a reboot when the day begins, and the second at which they are up. */
  readonly rebooting?: Readonly<Record<string, number>>;
}

/** Two nodes with their guests on one UPS, second by second, without anything real. All time is virtual seconds. */
export class VirtualSite {
  readonly events: VirtualEvent[] = [];
  /** Percent, second by second. */
  readonly charges: number[] = [];
  readonly nodes: Map<string, VirtualNode>;
  readonly guests: VirtualGuest[];
  readonly options: SiteOptions;
  now = 0;
  #energy: number;

  constructor(options: SiteOptions) {
    this.options = options;
    const names = options.nodes ?? ['pve1', 'pve2'];
    this.nodes = new Map(
      names.map((name) => [
        name,
        { name, state: options.off?.includes(name) === true ? 'off' : 'on', until: Infinity, boots: 1 },
      ]),
    );
    for (const [name, until] of Object.entries(options.rebooting ?? {})) {
      Object.assign(this.node(name), { state: 'booting', until });
    }
    this.guests = (options.guests ?? SOME_GUESTS).map((guest) => ({ ...guest }));
    this.#energy = (POWER.battery * (options.charge ?? 100)) / 100;
  }

  get charge(): number {
    return (100 * this.#energy) / POWER.battery;
  }

  mains(at = this.now): boolean {
    return this.options.mains.findLast((change) => change.at <= at)?.value ?? true;
  }

  /** The UPS gives power: from the mains, or from what is left in its battery. */
  powered(): boolean {
    return this.mains() || this.#energy > 0;
  }

  /** What the UPS says now; null when it says nothing. */
  look(): PowerReading | null {
    if (!this.powered()) return null;
    const low = this.charge <= 10 ? ' LB' : '';
    const truth = this.mains() ? `OL${this.charge < 100 ? ' CHRG' : ''}${low}` : `OB DISCHRG${low}`;
    const says = this.options.says === undefined ? truth : this.options.says(this.now, truth);
    if (says === null) return null;
    return readPower(
      new Map(
        Object.entries({
          'ups.status': says,
          'battery.charge': `${Math.round(this.charge)}`,
          'battery.runtime': `${Math.floor((3_600 * this.#energy) / this.#watts())}`,
          'ups.load': '28',
          'input.voltage': this.mains() ? '230' : '0',
          ...this.options.variables?.(this.now),
        }),
      ),
    );
  }

  /** The day goes on by one second. */
  tick(): void {
    const hours = 1 / 3_600;
    if (this.mains()) this.#energy = Math.min(POWER.battery, this.#energy + POWER.charger * hours);
    else this.#energy = Math.max(0, this.#energy - this.#watts() * hours);
    this.charges[this.now] = this.charge;
    this.now += 1;
    if (!this.powered()) for (const node of this.nodes.values()) this.#cut(node);
    for (const node of this.nodes.values()) if (node.until <= this.now) this.#becomeNext(node);
  }

  record(what: string): void {
    this.events.push({ at: this.now, what });
  }

  node(name: string): VirtualNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** Seconds between two looks at a node: fewer while it goes down or boots. */
  pauseAt(name: string): number {
    return Number.isFinite(this.node(name).until) ? 2 : 10;
  }

  shutDown(name: string): void {
    const node = this.node(name);
    if (node.state !== 'on') return;
    this.record(`${name} shuts down`);
    node.state = 'going-down';
    node.until = this.now + TAKES.halt;
    for (const guest of this.guests.filter((each) => each.node === name && each.running)) guest.running = false;
  }

  /** As Wake-on-LAN does: a machine that is still going down, or has no power, does not hear it. */
  wake(name: string): void {
    const node = this.node(name);
    if (node.state !== 'off' || !this.powered()) return;
    this.record(`${name} is turned on`);
    node.state = 'booting';
    node.until = this.now + TAKES.boot;
  }

  #becomeNext(node: VirtualNode): void {
    node.until = Infinity;
    if (node.state === 'going-down') {
      node.state = 'off';
      this.record(`${node.name} off`);
    } else if (node.state === 'booting') {
      node.state = 'on';
      node.boots += 1;
      this.record(`${node.name} on`);
      for (const guest of this.guests.filter((each) => each.node === node.name && each.onboot)) guest.running = true;
    }
  }

  #cut(node: VirtualNode): void {
    if (node.state === 'off') return;
    this.record(`${node.name} loses power`);
    node.state = 'off';
    node.until = Infinity;
    for (const guest of this.guests.filter((each) => each.node === node.name)) guest.running = false;
  }

  #watts(): number {
    const nodes = [...this.nodes.values()].map(({ state }) => (state === 'off' ? POWER.nodeOff : POWER.node));
    return nodes.reduce<number>((sum, watts) => sum + watts, POWER.other);
  }
}

/** A watch of the site, as the activity keeps it. */
export class VirtualWatch {
  watch: PowerWatch;
  readonly #site: VirtualSite;
  readonly #rules: PowerRules;
  readonly #seen: PowerVerdict | null;
  readonly #begun: number;
  #lookedAt: number;

  constructor(
    site: VirtualSite,
    start: { watch?: PowerWatch; at: number; rules: PowerRules; seen: PowerVerdict | null },
  ) {
    this.#site = site;
    this.watch = start.watch ?? NEW_WATCH;
    this.#rules = start.rules;
    this.#seen = start.seen;
    this.#begun = site.now;
    this.#lookedAt = start.at;
  }

  /** One look now. True: there is news, or it has been without any for so long that its run may want to begin anew. */
  look(): boolean {
    const reading = this.#site.look();
    const sample: PowerSample = {
      sinceLast: (this.#site.now - this.#lookedAt) * 1_000,
      reading,
      trouble: reading === null ? { kind: 'comms', text: 'no answer' } : null,
    };
    this.#lookedAt = this.#site.now;
    this.watch = observe(this.watch, sample, this.#rules);
    const isOld = (this.#site.now - this.#begun) * 1_000 >= LONGEST_WATCH;
    return isOld || !isSameVerdict(this.#seen, this.verdict());
  }

  verdict(): PowerVerdict {
    return verdictOf(this.watch, this.#rules);
  }

  get lookedAt(): number {
    return this.#lookedAt;
  }
}

export const SOME_GUESTS: readonly VirtualGuest[] = [
  { vmid: 101, name: 'dns', node: 'pve1', running: true, onboot: true, order: 1 },
  { vmid: 102, name: 'files', node: 'pve1', running: true, onboot: true, order: 2 },
  { vmid: 103, name: 'old', node: 'pve1', running: false, onboot: false, order: null },
  { vmid: 201, name: 'media', node: 'pve2', running: true, onboot: true, order: null },
  { vmid: 202, name: 'lab', node: 'pve2', running: true, onboot: false, order: null },
];
