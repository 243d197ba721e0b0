import type { EventLog } from './event-log.ts';

/** A place where a fault can strike. `phase` tells whether the real effect has already happened. */
export type FaultPoint =
  | {
      readonly at: 'api';
      readonly phase: 'before' | 'after';
      /** The node whose listener received the call. */
      readonly receiver: string;
      readonly method: string;
      /** Path below `/api2/json`, with values filled in: `/nodes/pve-node1/qemu/210/migrate`. */
      readonly path: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | {
      readonly at: 'command';
      readonly phase: 'before' | 'after';
      /** Machine id: `node/pve-node1`, `lxc/192`, `qemu/210`. */
      readonly machine: string;
      readonly name: string;
      readonly argv: readonly string[];
    }
  | { readonly at: 'connection'; readonly protocol: 'https' | 'ssh'; readonly machine: string }
  | {
      readonly at: 'node';
      readonly machine: string;
      /**
       * A step of the machine's life that is about to happen; `off`: an orderly shutdown has stopped everything, and the power
       * would go; `join`: a node becomes a member of its cluster.
       */
      readonly step: 'shutdown' | 'off' | 'boot' | 'up' | 'join';
      /** The kernel it runs or would run, with `up` and `join`. */
      readonly kernel?: string;
    }
  | {
      readonly at: 'mail';
      readonly machine: 'mail';
      /** `answer`: the mail is taken, the client does not know it yet. */
      readonly step: 'connect' | 'recipient' | 'message' | 'answer';
      readonly recipient?: string;
    }
  | {
      readonly at: 'ups';
      /** `ups/<name>` */
      readonly machine: string;
      /** `driver`: something is to be had from the driver; `answer`: a command has come and is not yet carried out. */
      readonly step: 'connect' | 'driver' | 'answer';
      /** The first two words of the command: `LIST VAR`, `INSTCMD ups`, `STARTTLS`. */
      readonly command?: string;
    }
  | {
      readonly at: 'bmc';
      readonly machine: string;
      /** `packet`: one has come; `command`: the request in it is not yet carried out. */
      readonly step: 'packet' | 'command';
      /** In the words of IPMI: `Get Chassis Status`, `Chassis Control on`. */
      readonly command?: string;
    }
  /** A magic packet has come to the network card of a machine. */
  | { readonly at: 'wake'; readonly machine: string }
  | {
      readonly at: 'task';
      readonly node: string;
      /** Worker type as in the UPID: `qmigrate`, `vzmigrate`, `qmshutdown`, … */
      readonly type: string;
      readonly id: string;
    };

/** What a fault does. Not every verdict fits every point; a point ignores what it cannot do. */
export type FaultVerdict =
  /** Wait so many virtual milliseconds, then go on as usual. */
  | { readonly do: 'delay'; readonly ms: number }
  /** Cut the connection without an answer (api, command, connection, mail, ups); no answer (bmc). Node, wake: it never happens. */
  | { readonly do: 'drop' }
  /** Let so many bytes pass, of both directions together, then cut (connection over SSH; logged as `connection.cut`); of the answer (ups). */
  | { readonly do: 'cut'; readonly bytes: number }
  /**
   * Answer with an error: api: status and reason phrase; mail: reply code and text; command: exit code and stderr; task:
   * its exit status; ups: the word after `ERR`, such as `DATA-STALE` of the driver; bmc: its completion code (0xC0, busy).
   */
  | { readonly do: 'error'; readonly status?: number; readonly reason: string; readonly body?: unknown }
  /** The machine dies at once, as by power loss. */
  | { readonly do: 'die' }
  /** Answer with something untrue instead (api: the `data` of the body; command: stdout with exit code 0; ups: the text; bmc: success). */
  | { readonly do: 'lie'; readonly body: unknown };

/** A behaviour sees every point first and may take over by returning a verdict; `undefined` leaves it to the next. */
export type FaultBehavior = (point: FaultPoint) => FaultVerdict | undefined;

/** The behaviours in front of the lab's default one; the last added is asked first. */
export class FaultBoard {
  readonly #behaviors: FaultBehavior[] = [];
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Puts a behaviour in front of all others. The result takes it away again. */
  add(behavior: FaultBehavior): () => void {
    this.#behaviors.unshift(behavior);
    return () => {
      const index = this.#behaviors.indexOf(behavior);
      if (index >= 0) this.#behaviors.splice(index, 1);
    };
  }

  /** Like `add`, for the first `times` points (default one) on which the behaviour returns a verdict. */
  once(behavior: FaultBehavior, times = 1): () => void {
    let left = times;
    const remove = this.add((point) => {
      const verdict = behavior(point);
      if (verdict && --left <= 0) remove();
      return verdict;
    });
    return remove;
  }

  consult(point: FaultPoint): FaultVerdict | undefined {
    for (const behavior of [...this.#behaviors]) {
      const verdict = behavior(point);
      if (verdict) {
        const subject =
          'machine' in point ? point.machine : point.at === 'task' ? `node/${point.node}` : `node/${point.receiver}`;
        this.#log.record('fault', `fault.${verdict.do}`, subject, { point, verdict });
        return verdict;
      }
    }
    return undefined;
  }
}
