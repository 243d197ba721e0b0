import { appendFileSync, writeFileSync } from 'node:fs';
import type { LabClock } from './clock.ts';

/** One thing that happened: who did what to whom, by both clocks. */
export interface LabEvent {
  readonly seq: number;
  /** Virtual time, ISO 8601. */
  readonly at: string;
  /** Real time, ISO 8601. */
  readonly wall: string;
  /** Who: `api:root@pam`, `api:caretaker@pve!ops`, `ssh:root@node/pve-node1`, `crm`, `lrm:pve-node1`, `lab`, `fault`. */
  readonly actor: string;
  /**
   * What, as `noun.verb`: `api.request`, `task.start`, `task.end`, `guest.start`, `guest.stop`, `guest.migrated`,
   * `node.shutdown`, `node.off`, `node.boot`, `node.up`, `node.fenced`, `quorum.lost`, `quorum.regained`,
   * `ha.command`, `ha.ignored`, `upgrade.start`, `upgrade.end`, `reboot.request`, `command.run`, `schema.violation`, …
   */
  readonly action: string;
  /** To whom: `node/pve-node1`, `lxc/192`, `qemu/210`, `cluster`. */
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The lab's memory of everything that happened, in order; the invariant monitor and the tests read it. */
export class EventLog {
  readonly #clock: LabClock;
  readonly #events: LabEvent[] = [];
  readonly #listeners = new Set<(event: LabEvent) => void>();

  constructor(clock: LabClock) {
    this.#clock = clock;
  }

  get events(): readonly LabEvent[] {
    return this.#events;
  }

  record(actor: string, action: string, subject: string, detail: Record<string, unknown> = {}): LabEvent {
    const event: LabEvent = {
      seq: this.#events.length,
      at: new Date(this.#clock.now()).toISOString(),
      wall: new Date().toISOString(),
      actor,
      action,
      subject,
      detail,
    };
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** Events whose action is one of `actions`, oldest first. */
  of(...actions: string[]): LabEvent[] {
    return this.#events.filter((event) => actions.includes(event.action));
  }

  subscribe(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps a copy as JSON lines in `path`, from the first event on. */
  writeTo(path: string): void {
    writeFileSync(path, this.#events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    this.subscribe((event) => appendFileSync(path, `${JSON.stringify(event)}\n`));
  }
}
