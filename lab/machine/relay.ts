import { execFile } from 'node:child_process';
import { chmodSync, constants, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environmentOf, isAlive, parseEnvironment } from './processes.ts';
import { CAT, SHIM } from './shim.ts';

/** A call of a lab command by a real process of the machine. */
export interface RelayedCall {
  readonly pid: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: AsyncIterable<Buffer>;
  readonly signal: AbortSignal;
  out(output: string | Buffer): void;
  err(output: string | Buffer): void;
}

export type Relayed = (call: RelayedCall) => Promise<number>;

/** Longest output that goes through the shim's `read`, which takes it byte by byte; more goes through a file. */
const INLINE_BYTES = 1500;

/**
 * Where the shims on a machine's PATH meet the lab. A Node program as shim would cost some 100 ms of CPU a call; a
 * POSIX shell with named pipes costs about 3, which matters because commands are polled. See shim.ts for the protocol.
 */
export class CommandRelay {
  readonly binDirectory: string;
  readonly #runDirectory: string;
  readonly #handle: Relayed;
  readonly #live = new Set<ShimCall>();
  readonly #installed = new Set<string>();
  #requests: Socket | undefined;

  constructor(directory: string, handle: Relayed) {
    this.binDirectory = join(directory, 'bin');
    this.#runDirectory = join(directory, 'run');
    this.#handle = handle;
  }

  async start(): Promise<void> {
    for (const folder of [this.binDirectory, this.#runDirectory]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
    }
    const fifo = join(this.#runDirectory, 'requests');
    await promisify(execFile)('mkfifo', [fifo]);
    this.#writeScript('shim', SHIM);
    this.#writeScript('cat-shim', CAT);
    this.#requests = openPipe(fifo, constants.O_RDWR);
    let pending = '';
    this.#requests.setEncoding('latin1').on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) void this.#accept(Number(line));
    });
  }

  /** Puts a command on the machine's PATH. */
  install(name: string): void {
    if (this.#installed.has(name)) return;
    this.#installed.add(name);
    symlinkSync(join(this.#runDirectory, name === 'cat' ? 'cat-shim' : 'shim'), join(this.binDirectory, name));
  }

  /** Ends all calls at once, as a power cut does. */
  abandon(): void {
    for (const call of [...this.#live]) call.end();
  }

  close(): void {
    this.abandon();
    this.#requests?.destroy();
    rmSync(this.#runDirectory, { recursive: true, force: true });
  }

  async #accept(pid: number): Promise<void> {
    const call = new ShimCall(join(this.#runDirectory, String(pid)), pid);
    this.#live.add(call);
    try {
      if (!call.open()) return;
      call.finish(await this.#handle(call));
    } catch (error) {
      if (!call.signal.aborted) call.err(`lab: ${String(error)}\n`);
      call.finish(255);
    } finally {
      await call.gone;
      this.#live.delete(call);
    }
  }

  #writeScript(name: string, text: string): void {
    const path = join(this.#runDirectory, name);
    writeFileSync(path, text.replaceAll('@RUN@', quote(this.#runDirectory)));
    chmodSync(path, 0o755);
  }
}

/** One running shim, from its request to its death. */
class ShimCall implements RelayedCall {
  readonly pid: number;
  readonly #base: string;
  readonly #abort = new AbortController();
  readonly gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  #args: string[] = [];
  #env: Record<string, string> = {};
  #control: Socket | undefined;
  #life: Socket | undefined;
  #files = 0;
  /** Bytes as latin1, which has a character for each. */
  #buffered: { kind: 'o' | 'e'; bytes: string } | undefined;

  constructor(base: string, pid: number) {
    this.#base = base;
    this.pid = pid;
    this.gone = new Promise((resolve) => (this.#resolveGone = resolve));
  }

  get name(): string {
    return this.#args[0] ?? '';
  }

  get args(): readonly string[] {
    return this.#args.slice(1);
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stdin(): AsyncIterable<Buffer> {
    return this.#readStdin();
  }

  /** Takes over the request. False when the shim has died meanwhile. */
  open(): boolean {
    try {
      this.#args = readFileSync(`${this.#base}.q`, 'utf8').split('\0').slice(0, -1);
      this.#env = this.#readEnvironment();
      this.#control = openPipe(`${this.#base}.c`, constants.O_RDWR, 'write');
    } catch {
      this.end();
      return false;
    }
    // The life pipe has the shim as its only writer, so its end is the shim's death, by whatever cause.
    readUntilEnd(
      `${this.#base}.l`,
      () => isAlive(this.pid),
      (socket) => (this.#life = socket),
    ).then(
      () => this.end(),
      () => this.end(),
    );
    return true;
  }

  out(output: string | Buffer): void {
    this.#write('o', output);
  }

  err(output: string | Buffer): void {
    this.#write('e', output);
  }

  finish(code: number): void {
    this.#flush();
    this.#control?.write(`x${code & 255}\n`);
  }

  /** The shim is dead, or nobody will answer it any more. */
  end(): void {
    this.#abort.abort(new Error(`process ${this.pid} is gone`));
    this.#life?.destroy();
    this.#control?.destroy();
    for (const suffix of ['q', 'c', 'l', 'i', 'n']) rmSync(`${this.#base}.${suffix}`, { force: true });
    for (let file = 0; file < this.#files; file++) rmSync(`${this.#base}.${file}`, { force: true });
    this.#resolveGone();
  }

  /** Output of one turn of the event loop goes as one piece. */
  #write(kind: 'o' | 'e', output: string | Buffer): void {
    if (this.signal.aborted || output.length === 0) return;
    const bytes = (typeof output === 'string' ? Buffer.from(output) : output).toString('latin1');
    if (this.#buffered && this.#buffered.kind !== kind) this.#flush();
    if (this.#buffered) {
      this.#buffered.bytes += bytes;
      return;
    }
    this.#buffered = { kind, bytes };
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    const piece = this.#buffered;
    this.#buffered = undefined;
    if (!piece || this.signal.aborted) return;
    if (piece.bytes.length <= INLINE_BYTES) {
      this.#control?.write(`${piece.kind}${escapeForPrintf(piece.bytes)}\n`, 'latin1');
      return;
    }
    const file = this.#files++;
    writeFileSync(`${this.#base}.${file}`, piece.bytes, 'latin1');
    this.#control?.write(`${piece.kind.toUpperCase()}${file}\n`);
  }

  /** Standard input is asked for only when the command reads, as a real program takes nothing it does not read. */
  async *#readStdin(): AsyncGenerator<Buffer> {
    if (this.signal.aborted) return;
    this.#control?.write('i\n');
    const queue: Buffer[] = [];
    let wake: () => void = () => undefined;
    let done = false;
    const finish = () => {
      done = true;
      wake();
    };
    this.signal.addEventListener('abort', finish, { once: true });
    let input: Socket | undefined;
    await waitForFile(`${this.#base}.i`, this.signal);
    if (!this.signal.aborted) {
      const stillOpen = () => !this.signal.aborted && isAlive(this.pid);
      const onData = (chunk: Buffer) => {
        queue.push(chunk);
        wake();
      };
      readUntilEnd(`${this.#base}.i`, stillOpen, (socket) => (input = socket), onData).then(finish, finish);
    }
    try {
      for (;;) {
        const chunk = queue.shift();
        if (chunk) yield chunk;
        else if (done) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      input?.destroy();
    }
  }

  #readEnvironment(): Record<string, string> {
    if (process.platform === 'linux') return environmentOf(this.pid);
    return parseEnvironment(readFileSync(`${this.#base}.n`, 'utf8').split('\n'));
  }
}

function openPipe(path: string, mode: number, use: 'read' | 'write' = 'read'): Socket {
  const fd = openSync(path, mode | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: use === 'read', writable: use === 'write' });
  socket.on('error', () => socket.destroy());
  return socket;
}

/**
 * Reads a pipe to its end. The writer says hello with one byte: systems differ in what a pipe that nobody has opened
 * for writing yet looks like, so an end before the hello means "look again".
 */
async function readUntilEnd(
  path: string,
  writerLives: () => boolean,
  onOpen: (socket: Socket) => void,
  onData: (chunk: Buffer) => void = () => undefined,
): Promise<void> {
  let greeted = false;
  while (!greeted && writerLives()) {
    const socket = openPipe(path, constants.O_RDONLY);
    onOpen(socket);
    // A writer killed before its hello never ends the pipe.
    const watch = setInterval(() => greeted || writerLives() || socket.destroy(), 500);
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        const rest = greeted ? chunk : chunk.subarray(1);
        greeted = true;
        if (rest.length > 0) onData(rest);
      });
      socket.on('close', () => resolve());
      socket.on('end', () => socket.destroy());
    });
    clearInterval(watch);
  }
}

async function waitForFile(path: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** For `printf %b`, which knows octal escapes and, unlike `read`, any byte. */
function escapeForPrintf(bytes: string): string {
  return bytes.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\0', '\\0000');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Programs of this computer that a machine may use; everything else is "not found", so that no line can reach it. */
export function linkRealPrograms(directory: string, names: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  const present = new Set(readdirSync(directory));
  for (const name of names) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync);
    if (found && !present.has(name)) symlinkSync(found, join(directory, name));
  }
}
