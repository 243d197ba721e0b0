import { pause } from '../pause.ts';
import { openConnection, type NutConnection, type Target } from './connection.ts';
import { errorFromAnswer, isKnownError, NutError, shown, type NutErrorDetails, type NutOutcome } from './errors.ts';
import type { NutTls } from './tls.ts';
import { joinWords, splitWords } from './wire.ts';

export interface NutClientOptions extends NutTls {
  readonly host: string;
  /** Default 3493. */
  readonly port?: number;
  /**
   * Milliseconds: to connect and to encrypt (each), for a complete answer, and for the device to do what was asked of it
   * with tracking. Default 3 s, 3 s and 10 s.
   */
  readonly timeouts?: Partial<NutTimeouts>;
  /** A user of upsd.users; reading needs none. */
  readonly username?: string;
  /** Asked when the server has to know who asks, never kept. */
  readonly password?: () => Promise<string>;
}

export interface NutTimeouts {
  readonly connect: number;
  readonly reply: number;
  readonly tracking: number;
}

export interface CallOptions {
  /** When it is aborted in the middle of a question, the connection ends with it. */
  readonly signal?: AbortSignal;
}

export interface ChangeOptions extends CallOptions {
  /** Wait until the driver says how it ended (needs NUT 2.8); otherwise the server has only passed it on. */
  readonly tracking?: boolean;
}

/**
 * A client of one NUT server (RFC 9271) with one connection, opened when it is needed and again after it was lost. What
 * is asked at the same time is asked one after the other.
 *
 * All methods throw `NutError`, or the reason of the signal.
 */
export interface NutClient {
  /** `host:port` */
  readonly label: string;
  /** `LIST UPS`. Succeeds with a dead driver as well. */
  listUps(call?: CallOptions): Promise<readonly { readonly name: string; readonly description: string }[]>;
  /** `LIST VAR`: all variables of one moment, such as `ups.status` → `OL CHRG`. Complete or an error. */
  listVariables(ups: string, call?: CallOptions): Promise<ReadonlyMap<string, string>>;
  /** `GET VAR` */
  variable(ups: string, name: string, call?: CallOptions): Promise<string>;
  /** `LIST CMD`: what `instantCommand` takes. */
  listCommands(ups: string, call?: CallOptions): Promise<readonly string[]>;
  /** `LIST CLIENT`: addresses of those that have logged in. */
  listClients(ups: string, call?: CallOptions): Promise<readonly string[]>;
  /** `GET NUMLOGINS` */
  numLogins(ups: string, call?: CallOptions): Promise<number>;
  /**
   * `LOGIN`: says that this host draws power from the UPS, so that its primary waits for it. It holds as long as the
   * connection; calling it again is free while it does.
   */
  login(ups: string, call?: CallOptions): Promise<void>;
  /** `INSTCMD`, such as `beeper.mute` or `load.off.delay` with the parameter `120`. */
  instantCommand(ups: string, command: string, options?: ChangeOptions & { readonly param?: string }): Promise<void>;
  /** `SET VAR` */
  setVariable(ups: string, name: string, value: string, options?: ChangeOptions): Promise<void>;
  /**
   * `PRIMARY` (`MASTER` before NUT 2.8) and `FSD`: every secondary shuts down now. Only a restart of upsd takes it back.
   * The user needs `upsmon primary`, or `actions = FSD`.
   */
  forcedShutdown(ups: string, call?: CallOptions): Promise<void>;
  /** `LOGOUT`, then closes. A client can be used again after it. */
  logout(call?: CallOptions): Promise<void>;
  /** Closes the connection at once; what is under way fails. */
  close(): void;
}

/** Milliseconds between two looks at a command that is being carried out. */
const TRACKING_INTERVAL_MS = 200;

const closed = { type: 'NutConnectionLost', class: 'comms', outcome: 'retryable' } as const;
const unexpected = { type: 'NutUnexpectedAnswer', class: 'comms', outcome: 'retryable' } as const;

/** Errors after which a connection is of no more use, although the server has answered. */
const NEEDS_ANOTHER: ReadonlySet<string> = new Set(['NutUnexpectedAnswer', 'NutAccessDenied']);

/** What the server knows of us on one connection. */
interface Session {
  readonly connection: NutConnection;
  identified: boolean;
  tracking: boolean;
  loggedIn: string | undefined;
}

interface Request {
  readonly signal: AbortSignal | undefined;
  readonly words: readonly string[];
  readonly name?: string;
  readonly unanswered?: NutOutcome;
}

export function createNutClient(options: NutClientOptions): NutClient {
  const port = options.port ?? 3493;
  const label = options.host.includes(':') ? `[${options.host}]:${port}` : `${options.host}:${port}`;
  const timeouts = { connect: 3_000, reply: 3_000, tracking: 10_000, ...options.timeouts };
  const target: Target = { ...options, port, label, timeouts };
  let session: Session | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  /** Counts up when the client is closed: what was asked for before is not begun, or gone on with, after it. */
  let life = 0;

  const failure = (message: string, details: NutErrorDetails): NutError => new NutError(label, message, details);

  /** Waits for its turn, so that never two use the connection at once. */
  function inTurn<T>(
    { signal }: CallOptions,
    use: (session: Session, signal: AbortSignal | undefined) => Promise<T>,
    begunIn = life,
  ): Promise<T> {
    const result = turn.then(async () => {
      signal?.throwIfAborted();
      if (begunIn === life && session?.connection.isOpen !== true) {
        const connection = await openConnection(target, signal);
        if (begunIn === life) session = { connection, identified: false, tracking: false, loggedIn: undefined };
        else connection.close();
      }
      if (begunIn !== life || session === undefined) throw failure('the client was closed.', closed);
      const { connection } = session;
      return use(session, signal).catch((error: unknown) => {
        // The server does not take us for who we are, or as far as we are: begin anew, and ask for the password again.
        if (error instanceof NutError && NEEDS_ANOTHER.has(error.type)) connection.close();
        throw error;
      });
    });
    turn = result.catch(() => undefined);
    return result;
  }

  /** Lines of an answer, the words of its first one; throws for `ERR`. */
  async function ask(
    { connection }: Session,
    { words, name = words.slice(0, 2).join(' '), unanswered, signal }: Request,
    isLast: (line: string, index: number) => boolean = () => true,
  ): Promise<{ readonly lines: readonly string[]; readonly first: readonly string[] }> {
    const line = joinWords(words);
    if (line === undefined) {
      const message = `a word of ${name} holds a line break or a control character, which no line of NUT can.`;
      throw failure(message, { type: 'NutArgument', class: 'config', outcome: 'refused' });
    }
    const lines = await connection.exchange({ line, name, isLast, unanswered, signal });
    const first = splitWords(lines[0] ?? '') ?? [];
    if (first[0] === 'ERR') throw errorFromAnswer(label, name, first);
    return { lines, first };
  }

  async function expectOk(session: Session, request: Request): Promise<readonly string[]> {
    const { first, lines } = await ask(session, request);
    if (first[0] === 'OK') return first;
    throw session.connection.reject(
      request.name ?? request.words.slice(0, 2).join(' '),
      lines[0] ?? '',
      request.unanswered,
    );
  }

  /** The last words of an answer that begins with those of the question: `GET <words>` → `<words> <value>`. */
  function get(words: readonly string[], call: CallOptions = {}): Promise<string> {
    return inTurn(call, async (current, signal) => {
      const { first, lines } = await ask(current, { words: ['GET', ...words], signal });
      const value = first[words.length];
      if (value !== undefined && first.length === words.length + 1 && startsWith(first, words)) return value;
      throw current.connection.reject(`GET ${words[0]}`, lines[0] ?? '');
    });
  }

  /** The rows of a list without the words that all of them begin with. */
  function list(words: readonly string[], columns: number, call: CallOptions = {}): Promise<readonly string[][]> {
    const begin = ['BEGIN', 'LIST', ...words];
    const end = ['END', 'LIST', ...words];
    const is = (line: string, expected: readonly string[]): boolean => {
      const found = splitWords(line);
      return found?.length === expected.length && startsWith(found, expected);
    };
    return inTurn(call, async (current, signal) => {
      const name = `LIST ${words[0]}`;
      const isLast = (line: string, index: number): boolean =>
        index === 0 ? !is(line, begin) : !line.startsWith(`${words[0]} `);
      const { lines } = await ask(current, { words: ['LIST', ...words], signal }, isLast);
      const last = lines.at(-1) ?? '';
      if (lines.length < 2 || !is(last, end)) throw current.connection.reject(name, last);
      return lines.slice(1, -1).map((line) => {
        const row = splitWords(line) ?? [];
        if (row.length !== words.length + columns || !startsWith(row, words))
          throw current.connection.reject(name, line);
        return row.slice(words.length);
      });
    });
  }

  /** Says who asks, once a connection. A wrong password shows only at what is asked after it. */
  async function identify(current: Session, signal: AbortSignal | undefined): Promise<void> {
    const { username, password } = options;
    if (current.identified || username === undefined || password === undefined) return;
    const secret = await password();
    await expectOk(current, { words: ['USERNAME', username], name: 'USERNAME', signal });
    try {
      await expectOk(current, { words: ['PASSWORD', secret], name: 'PASSWORD', signal });
    } catch (error) {
      // The server knows it now and may repeat it: of its words, only those of NUT are passed on.
      if (!(error instanceof NutError) || error.words === undefined || isKnownError(error.words)) throw error;
      throw failure('its answer to PASSWORD is none. See what listens there.', unexpected);
    }
    current.identified = true;
  }

  /** Asks for a change, and with tracking waits for its end. */
  async function change(words: readonly string[], { tracking = false, ...call }: ChangeOptions): Promise<void> {
    const begunIn = life;
    const name = words.slice(0, 2).join(' ');
    const id = await inTurn(call, async (current, signal) => {
      await identify(current, signal);
      if (tracking && !current.tracking) await turnTrackingOn(current, signal);
      const answer = await expectOk(current, { words, unanswered: 'unknown', signal });
      return answer[1] === 'TRACKING' ? answer[2] : undefined;
    });
    if (!tracking) return;
    if (id === undefined) {
      const message = `it took ${name} without a number to follow it by. Look at the state of the UPS.`;
      throw failure(message, { ...unexpected, outcome: 'unknown' });
    }
    await follow(id, name, call, begunIn);
  }

  async function turnTrackingOn(current: Session, signal: AbortSignal | undefined): Promise<void> {
    try {
      await expectOk(current, { words: ['SET', 'TRACKING', 'ON'], signal });
    } catch (error) {
      if (!(error instanceof NutError) || error.type !== 'NutArgument') throw error;
      const message = `${error.words} to SET TRACKING. It is older than NUT 2.8: ask without tracking.`;
      throw failure(message, { type: 'NutNotSupported', class: 'optional', outcome: 'refused', words: error.words });
    }
    current.tracking = true;
  }

  async function follow(id: string, name: string, call: CallOptions, begunIn: number): Promise<void> {
    const deadline = performance.now() + timeouts.tracking;
    const look = (current: Session, signal: AbortSignal | undefined) =>
      ask(current, { words: ['GET', 'TRACKING', id], signal });
    for (;;) {
      const state = await inTurn(call, look, begunIn).then(
        ({ lines: [line = ''] }) => line,
        (error: unknown) => {
          throw afterSending(error, name);
        },
      );
      if (state === 'SUCCESS') return;
      if (state !== 'PENDING')
        throw failure(`'${shown(state)}' is no answer to GET TRACKING.`, { ...unexpected, outcome: 'unknown' });
      if (performance.now() >= deadline) {
        const message = `${name} was not carried out within ${timeouts.tracking} ms and may still be. Look at the UPS.`;
        throw failure(message, { type: 'NutTimeout', class: 'comms', outcome: 'unknown' });
      }
      await pause(TRACKING_INTERVAL_MS, call.signal);
    }
  }

  /** What an error means when the server had passed the command on before. */
  function afterSending(error: unknown, name: string): unknown {
    if (!(error instanceof NutError) || error.type === 'NutArgument') return error;
    const { words, cause } = error;
    if (words === 'ERR FAILED') {
      const message = `ERR FAILED to ${name}: the device did not do it. Look at the log of its driver.`;
      return failure(message, { type: 'NutCommandFailed', class: 'comms', outcome: 'retryable', words });
    }
    const message = `${name} was passed on, and how it ended is not known (${error.message}). Look at the UPS.`;
    return failure(message, { type: error.type, class: error.class, outcome: 'unknown', words, cause });
  }

  function close(): void {
    life += 1;
    session?.connection.close();
    session = undefined;
  }

  return {
    label,
    listUps: async (call) =>
      (await list(['UPS'], 2, call)).map(([name = '', description = '']) => ({ name, description })),
    listVariables: async (ups, call) =>
      new Map((await list(['VAR', ups], 2, call)).map(([name = '', value = '']) => [name, value])),
    variable: (ups, name, call) => get(['VAR', ups, name], call),
    listCommands: async (ups, call) => (await list(['CMD', ups], 1, call)).map(([command = '']) => command),
    listClients: async (ups, call) => (await list(['CLIENT', ups], 1, call)).map(([address = '']) => address),
    async numLogins(ups, call) {
      const text = await get(['NUMLOGINS', ups], call);
      if (/^\d{1,6}$/.test(text)) return Number(text);
      throw failure(`'${shown(text)}' is no number of logins. See what listens there.`, {
        ...unexpected,
        words: shown(text),
      });
    },
    login: (ups, call = {}) =>
      inTurn(call, async (current, signal) => {
        if (current.loggedIn === ups) return;
        await identify(current, signal);
        await expectOk(current, { words: ['LOGIN', ups], signal });
        current.loggedIn = ups;
      }),
    instantCommand: (ups, command, { param, ...how } = {}) =>
      change(['INSTCMD', ups, command, ...(param === undefined ? [] : [param])], how),
    setVariable: (ups, name, value, how = {}) => change(['SET', 'VAR', ups, name, value], how),
    forcedShutdown: (ups, call = {}) =>
      inTurn(call, async (current, signal) => {
        await identify(current, signal);
        await becomePrimary(current, ups, signal);
        await expectOk(current, { words: ['FSD', ups], unanswered: 'unknown', signal });
      }),
    async logout(call = {}) {
      try {
        if (session?.connection.isOpen === true) {
          await inTurn(call, (current, signal) => ask(current, { words: ['LOGOUT'], signal }));
        }
      } finally {
        close();
      }
    },
    close,
  };

  async function becomePrimary(current: Session, ups: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await expectOk(current, { words: ['PRIMARY', ups], signal });
    } catch (error) {
      if (!(error instanceof NutError)) throw error;
      if (error.words === 'ERR UNKNOWN-COMMAND') await expectOk(current, { words: ['MASTER', ups], signal });
      // With `actions = FSD` alone one is no primary and may all the same; if not, the answer to FSD will say so.
      else if (error.type !== 'NutAccessDenied') throw error;
    }
  }
}

function startsWith(words: readonly string[], expected: readonly string[]): boolean {
  return expected.every((word, index) => words[index] === word);
}
