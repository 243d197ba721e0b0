import { connect, type Socket } from 'node:net';
import { errorFromAnswer, NutError, shown, type NutErrorDetails, type NutOutcome } from './errors.ts';
import { encrypt, type NutTls } from './tls.ts';
import { LineReader, splitWords } from './wire.ts';
import { within } from '../within.ts';

export interface Target extends NutTls {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly label: string;
  /** Milliseconds: for TCP and for encryption each, and for one complete answer. */
  readonly timeouts: { readonly connect: number; readonly reply: number };
}

/** A question as the connection asks it. */
export interface Exchange {
  readonly line: string;
  /** What error texts call it; the line itself may hold a secret. */
  readonly name: string;
  /** Asked of each line of the answer: whether it is the last one. */
  readonly isLast: (line: string, index: number) => boolean;
  /** What it means that no answer came (default `retryable`). */
  readonly unanswered?: NutOutcome | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A value of NUT has 256 bytes at most, and a list some hundred lines. */
const MAX_LINE_BYTES = 8_192;
const MAX_LINES = 2_048;

interface Pending {
  readonly exchange: Exchange;
  readonly lines: string[];
  readonly done: (lines: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}

/**
 * One connection, which asks one question at a time. Whatever goes wrong on it ends it, so that no answer can ever be
 * taken for that of another question.
 */
export class NutConnection {
  readonly #target: Target;
  readonly #reader = new LineReader(MAX_LINE_BYTES);
  #socket: Socket;
  #pending: Pending | undefined;
  #open = true;

  constructor(target: Target, socket: Socket) {
    this.#target = target;
    this.#socket = socket;
    this.#listen('on');
  }

  /** False from the moment at which it cannot be asked any more. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Asks, and resolves to the lines of the answer. */
  async exchange(exchange: Exchange): Promise<readonly string[]> {
    const { line, name, unanswered, signal } = exchange;
    const { reply } = this.#target.timeouts;
    const late = () => this.#error('NutTimeout', `no complete answer to ${name} within ${reply} ms`, { unanswered });
    try {
      return await within({ ms: reply, late, signal }, (done, fail) => {
        this.#pending = { exchange, lines: [], done, fail };
        if (!this.#open) return this.#lose('the connection was closed');
        this.#socket.write(`${line}\n`);
      });
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#pending = undefined;
    }
  }

  /** Ends it for an answer that makes no sense, and gives the error that says so. */
  reject(name: string, line: string, unanswered?: NutOutcome): NutError {
    this.close();
    return this.#error('NutUnexpectedAnswer', `'${shown(line)}' is no answer to ${name}`, {
      words: shown(line),
      unanswered,
    });
  }

  close(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  /** Asks for encryption and begins it, unless the server offers none and none is required. */
  async startTls(signal?: AbortSignal): Promise<void> {
    const name = 'STARTTLS';
    const [line = ''] = await this.exchange({ line: name, name, isLast: () => true, signal });
    const words = splitWords(line) ?? [];
    if (words[0] === 'ERR') {
      const error = errorFromAnswer(this.#target.label, name, words);
      if (error.class !== 'optional') throw error;
      if (this.#target.tls === 'prefer') return;
      throw new NutError(
        this.#target.label,
        `it offers no encryption: ${error.words}. Set a certificate up in upsd.conf, or allow clear text.`,
        { type: 'NutTlsMissing', class: 'config', outcome: 'refused', words: error.words },
      );
    }
    // Not open: there was more than the answer, in clear text, which must not be taken for what comes encrypted.
    if (words[0] !== 'OK' || !this.#open) throw this.reject(name, line);
    this.#listen('off');
    this.#socket = await encrypt(this.#socket, this.#target, this.#target, signal);
    this.#listen('on');
  }

  #listen(how: 'on' | 'off'): void {
    this.#socket[how]('data', this.#onData)[how]('error', this.#onError)[how]('close', this.#onClose);
  }

  readonly #onError = (cause: Error): void => this.#lose(`the connection broke: ${cause.message}`, cause);
  readonly #onClose = (): void => this.#lose('the connection was closed before the answer was complete');
  readonly #onData = (segment: Buffer): void => {
    const lines = this.#reader.push(segment);
    const pending = this.#pending;
    // Nobody has asked for it: from here on it is not clear what answers what.
    if (pending === undefined) return this.close();
    const { exchange, done, fail } = pending;
    if (lines === undefined) {
      return fail(this.#error('NutUnexpectedAnswer', `a line of more than ${MAX_LINE_BYTES} bytes`, exchange));
    }
    for (const [index, line] of lines.entries()) {
      pending.lines.push(line);
      if (exchange.isLast(line, pending.lines.length - 1)) {
        this.#pending = undefined;
        if (index < lines.length - 1 || this.#reader.midLine) this.close();
        return done(pending.lines);
      }
      if (pending.lines.length >= MAX_LINES) {
        return fail(this.#error('NutUnexpectedAnswer', `an answer of more than ${MAX_LINES} lines`, exchange));
      }
    }
  };

  #lose(why: string, cause?: Error): void {
    this.close();
    this.#pending?.fail(
      this.#error('NutConnectionLost', why, { cause, unanswered: this.#pending.exchange.unanswered }),
    );
  }

  #error(
    type: NutErrorDetails['type'],
    what: string,
    { unanswered = 'retryable', words, cause }: Partial<NutErrorDetails> & Pick<Exchange, 'unanswered'>,
  ): NutError {
    const message = `${what}. See whether upsd runs and answers there (upsc -l).`;
    return new NutError(this.#target.label, message, { type, class: 'comms', outcome: unanswered, words, cause });
  }
}

/** Opens a connection, encrypted as the target asks for it. */
export async function openConnection(target: Target, signal?: AbortSignal): Promise<NutConnection> {
  const connection = new NutConnection(target, await dial(target, signal));
  try {
    if (target.tls !== 'off') await connection.startTls(signal);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function dial({ host, port, label, timeouts }: Target, signal: AbortSignal | undefined): Promise<Socket> {
  const unreachable = (why: string, cause?: Error): NutError =>
    new NutError(label, `${why}. See whether upsd runs and listens there (LISTEN in upsd.conf).`, {
      type: 'NutUnreachable',
      class: 'comms',
      outcome: 'retryable',
      cause,
    });
  const late = () => unreachable(`no connection within ${timeouts.connect} ms`);
  const socket = connect({ host, port, noDelay: true });
  // A socket that is given up may still say something.
  socket.on('error', () => undefined);
  try {
    await within<void>({ ms: timeouts.connect, late, signal }, (resolve, reject) => {
      socket.once('connect', resolve);
      // Several addresses of one name that all refuse make an error without a message.
      socket.once('error', (cause: NodeJS.ErrnoException) =>
        reject(unreachable(cause.message || (cause.code ?? 'no connection'), cause)),
      );
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
