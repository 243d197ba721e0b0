import { randomUUID } from 'node:crypto';
import type { UpsDevice } from './device.ts';
import { COMMANDS, typeOf, whyNotSettable, WRITABLE } from './variables.ts';
import { quoted } from './words.ts';

/** A user of upsd.users. */
export interface NutUser {
  readonly name: string;
  readonly password: string;
  /** `upsmon primary` may LOGIN and set FSD, `upsmon secondary` LOGIN. */
  readonly upsmon?: 'primary' | 'secondary';
  readonly actions?: readonly ('SET' | 'FSD')[];
  readonly instcmds?: 'ALL';
}

/** What all connections of one server share; a restart makes it anew. */
export interface NutState {
  readonly device: UpsDevice;
  readonly users: readonly NutUser[];
  readonly hasCertificate: boolean;
  fsd: boolean;
  readonly sessions: Set<NutSession>;
  /** How the commands ended that are followed. */
  readonly tracked: Map<string, string>;
  /** `DATA-STALE` or `DRIVER-NOT-CONNECTED`, while there is nothing to be had from the driver. */
  driverTrouble(): string | undefined;
  record(action: string, detail: Record<string, unknown>): void;
}

type Answer = string | readonly string[];
type Command = (args: readonly string[]) => Answer;

const err = (code: string): string => `ERR ${code}`;
const invalid = err('INVALID-ARGUMENT');
const VERSION = 'Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/';

/** What upsd 2.8.0 answers on one connection, in its words (server/net*.c). */
export class NutSession {
  readonly address: string;
  loggedIn = false;
  /** What is to be done after the answer is written. */
  next: 'end' | 'encrypt' | undefined;
  readonly #state: NutState;
  #encrypted = false;
  #tracking = false;
  #name: string | undefined;
  #password: string | undefined;

  constructor(state: NutState, address: string) {
    this.#state = state;
    this.address = address;
  }

  answer(words: readonly string[]): readonly string[] {
    const [name = '', ...args] = words;
    const command = this.#commands[name.toUpperCase()];
    const needsUser = ['LOGIN', 'PRIMARY', 'MASTER', 'FSD', 'SET', 'INSTCMD'].includes(name.toUpperCase());
    const answer =
      command === undefined ? err('UNKNOWN-COMMAND') : needsUser ? this.#asUser(command, args) : command(args);
    return typeof answer === 'string' ? [answer] : answer;
  }

  #asUser(command: Command, args: readonly string[]): Answer {
    if (this.#name === undefined) return err('USERNAME-REQUIRED');
    if (this.#password === undefined) return err('PASSWORD-REQUIRED');
    return command(args);
  }

  get #user(): NutUser | undefined {
    return this.#state.users.find(({ name, password }) => name === this.#name && password === this.#password);
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    VER: () => VERSION,
    NETVER: () => '1.3',
    PROTVER: () => '1.3',
    HELP: () => 'Commands: HELP VER GET LIST SET INSTCMD LOGIN LOGOUT USERNAME PASSWORD STARTTLS',
    USERNAME: ([name]) => {
      if (name === undefined) return invalid;
      if (this.#name !== undefined) return err('ALREADY-SET-USERNAME');
      this.#name = name;
      return 'OK';
    },
    PASSWORD: ([password]) => {
      if (password === undefined) return invalid;
      if (this.#password !== undefined) return err('ALREADY-SET-PASSWORD');
      this.#password = password;
      return 'OK';
    },
    LOGIN: ([ups]) => {
      if (ups === undefined) return invalid;
      if (this.loggedIn) return err('ALREADY-LOGGED-IN');
      return this.#of(ups, () => {
        if (this.#user?.upsmon === undefined) return err('ACCESS-DENIED');
        this.loggedIn = true;
        this.#state.record('ups.login', { user: this.#name });
        return 'OK';
      });
    },
    LOGOUT: () => {
      this.next = 'end';
      return 'OK Goodbye';
    },
    PRIMARY: (args) => this.#grant(args, 'PRIMARY'),
    MASTER: (args) => this.#grant(args, 'MASTER'),
    FSD: ([ups]) => {
      if (ups === undefined) return invalid;
      return this.#of(ups, () => {
        if (this.#user?.upsmon !== 'primary' && !this.#user?.actions?.includes('FSD')) return err('ACCESS-DENIED');
        this.#state.fsd = true;
        this.#state.record('ups.fsd', { user: this.#name });
        return 'OK FSD-SET';
      });
    },
    STARTTLS: () => {
      if (this.#encrypted) return err('ALREADY-SSL-MODE');
      if (!this.#state.hasCertificate) return err('FEATURE-NOT-CONFIGURED');
      this.#encrypted = true;
      this.next = 'encrypt';
      return 'OK STARTTLS';
    },
    INSTCMD: (args) => this.#instcmd(args),
    SET: ([what = '', ...args]) => {
      if (what.toUpperCase() === 'VAR') return this.#setVar(args);
      if (what.toUpperCase() !== 'TRACKING' || !/^(ON|OFF)$/i.test(args[0] ?? '')) return invalid;
      this.#tracking = args[0]?.toUpperCase() === 'ON';
      return 'OK';
    },
    GET: ([what = '', ...args]) => this.#get(what.toUpperCase(), args),
    LIST: ([what = '', ...args]) => this.#list(what.toUpperCase(), args),
  };

  #of(ups: string, then: () => Answer): Answer {
    return ups.toLowerCase() === this.#state.device.spec.name.toLowerCase() ? then() : err('UNKNOWN-UPS');
  }

  /** Like `of`, and there must be something to be had from the driver. */
  #withData(ups: string, then: (variables: ReadonlyMap<string, string>) => Answer): Answer {
    return this.#of(ups, () => {
      const trouble = this.#state.driverTrouble();
      if (trouble !== undefined) return err(trouble);
      const variables = this.#state.device.variables();
      if (!this.#state.fsd) return then(variables);
      return then(new Map([...variables, ['ups.status', `FSD ${variables.get('ups.status') ?? ''}`.trim()]]));
    });
  }

  #grant([ups]: readonly string[], word: string): Answer {
    if (ups === undefined) return invalid;
    return this.#of(ups, () => (this.#user?.upsmon === 'primary' ? `OK ${word}-GRANTED` : err('ACCESS-DENIED')));
  }

  #instcmd([ups, name, param]: readonly string[]): Answer {
    if (ups === undefined || name === undefined) return invalid;
    return this.#withData(ups, () => {
      if (!Object.hasOwn(COMMANDS, name)) return err('CMD-NOT-SUPPORTED');
      if (this.#user?.instcmds !== 'ALL') return err('ACCESS-DENIED');
      this.#state.record('ups.command', { user: this.#name, command: name, ...(param === undefined ? {} : { param }) });
      const { device } = this.#state;
      if (name.startsWith('beeper.')) device.report('ups.beeper.status', `${name.slice('beeper.'.length)}d`);
      if (name === 'test.battery.start.quick') device.report('ups.test.result', 'Done and passed');
      // The load may be the computer that answers: it does so first.
      if (name.startsWith('load.')) setImmediate(() => device.setOutput(name === 'load.on', `INSTCMD ${name}`));
      return this.#taken();
    });
  }

  #setVar([ups, name, value]: readonly string[]): Answer {
    if (ups === undefined || name === undefined || value === undefined) return invalid;
    return this.#withData(ups, (variables) => {
      if (!this.#user?.actions?.includes('SET')) return err('ACCESS-DENIED');
      const trouble = whyNotSettable(WRITABLE[name], variables.has(name), value);
      if (trouble !== undefined) return err(trouble);
      this.#state.device.set(name, value);
      this.#state.record('ups.set', { user: this.#name, name, value });
      return this.#taken();
    });
  }

  /** The driver has it; it is done when somebody asks a second time how it went. */
  #taken(): Answer {
    if (!this.#tracking) return 'OK';
    const id = randomUUID();
    this.#state.tracked.set(id, 'PENDING');
    return `OK TRACKING ${id}`;
  }

  #get(what: string, [ups, name]: readonly string[]): Answer {
    if (what === 'TRACKING') return this.#getTracking(ups);
    if (ups === undefined) return invalid;
    const { device, sessions } = this.#state;
    if (what === 'NUMLOGINS')
      return this.#of(ups, () => `NUMLOGINS ${ups} ${[...sessions].filter(({ loggedIn }) => loggedIn).length}`);
    if (what === 'UPSDESC') return this.#of(ups, () => `UPSDESC ${ups} ${quoted(device.spec.description)}`);
    if (name === undefined) return invalid;
    if (what === 'DESC') return this.#of(ups, () => `DESC ${ups} ${name} ${quoted(device.describe(name))}`);
    if (what === 'CMDDESC')
      return this.#of(ups, () => `CMDDESC ${ups} ${name} ${quoted(COMMANDS[name] ?? 'Description unavailable')}`);
    if (what !== 'VAR' && what !== 'TYPE') return invalid;
    return this.#withData(ups, (variables) => {
      const value = variables.get(name);
      if (value === undefined) return err('VAR-NOT-SUPPORTED');
      return what === 'VAR' ? `VAR ${ups} ${name} ${quoted(value)}` : `TYPE ${ups} ${name} ${typeOf(WRITABLE[name])}`;
    });
  }

  #getTracking(id: string | undefined): string {
    if (id === undefined) return this.#tracking ? 'ON' : 'OFF';
    const state = this.#state.tracked.get(id) ?? err('UNKNOWN');
    if (state === 'PENDING') this.#state.tracked.set(id, 'SUCCESS');
    return state;
  }

  #list(what: string, [ups, name]: readonly string[]): Answer {
    const { device, sessions } = this.#state;
    if (what === 'UPS') return list('UPS', [`UPS ${device.spec.name} ${quoted(device.spec.description)}`]);
    if (ups === undefined) return invalid;
    const head = `${what} ${ups}`;
    if (what === 'CLIENT') {
      const clients = [...sessions].filter(({ loggedIn }) => loggedIn);
      return this.#of(ups, () =>
        list(
          head,
          clients.map(({ address }) => `CLIENT ${ups} ${address}`),
        ),
      );
    }
    return this.#withData(ups, (variables) => {
      const rows = (kept: (name: string) => boolean): string[] =>
        [...variables].filter(([each]) => kept(each)).map(([each, value]) => `${head} ${each} ${quoted(value)}`);
      if (what === 'VAR')
        return list(
          head,
          rows(() => true),
        );
      if (what === 'RW')
        return list(
          head,
          rows((each) => Object.hasOwn(WRITABLE, each)),
        );
      if (what === 'CMD')
        return list(
          head,
          Object.keys(COMMANDS).map((command) => `${head} ${command}`),
        );
      if (name === undefined || (what !== 'ENUM' && what !== 'RANGE')) return invalid;
      if (!variables.has(name)) return err('VAR-NOT-SUPPORTED');
      const { oneOf = [], range } = WRITABLE[name] ?? { value: '' };
      const ranges = range === undefined ? [] : [range.map((end) => quoted(`${end}`)).join(' ')];
      const found = what === 'ENUM' ? oneOf.map(quoted) : ranges;
      return list(
        `${head} ${name}`,
        found.map((row) => `${head} ${name} ${row}`),
      );
    });
  }
}

function list(head: string, rows: readonly string[]): readonly string[] {
  return [`BEGIN LIST ${head}`, ...rows, `END LIST ${head}`];
}
