import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { Connection, ParsedKey, ServerChannel, Session as SshSession } from 'ssh2';
import type { LabContext } from '../core/context.ts';
import type { SshEndpoint } from '../core/machine.ts';
import { reservePort } from '../core/ports.ts';
import { ensureKey, ensureSshClientKey, fingerprint, parsePublicKey } from './keys.ts';
import type { Shell } from './shell.ts';
import { cutAfter } from './cut.ts';
import { kill } from './processes.ts';

const HOST = '127.0.0.1';

/**
 * The sshd of one machine. Its port stays the same while the machine is off and over restarts of the lab, so it is
 * chosen below the range the system hands out for port 0 and outgoing connections, which could take it meanwhile.
 */
export class SshService {
  readonly #context: LabContext;
  readonly #machineId: string;
  readonly #directory: string;
  readonly #shell: Shell;
  readonly #onDie: (reason: string) => void;
  readonly #connections = new Set<Socket>();
  readonly #hostKey: { privateKeyFile: string; publicKey: string };
  #clientKey: ParsedKey | undefined;
  #server: ssh2.Server | undefined;
  #listener: Server | undefined;
  #port = 0;

  constructor(
    context: LabContext,
    machine: { id: string; directory: string; shell: Shell; onDie: (reason: string) => void },
  ) {
    this.#context = context;
    this.#machineId = machine.id;
    this.#directory = machine.directory;
    this.#shell = machine.shell;
    this.#onDie = machine.onDie;
    this.#hostKey = ensureKey(machine.directory, 'ssh_host_ed25519_key', machine.id);
  }

  get endpoint(): SshEndpoint {
    const publicKey = this.#hostKey.publicKey.split(' ').slice(0, 2).join(' ');
    return { host: HOST, port: this.#port, fingerprint: fingerprint(publicKey), publicKey };
  }

  /** Chooses the port, which stays ours while nobody listens on it. */
  async prepare(): Promise<void> {
    const { publicKey } = await ensureSshClientKey(this.#context.directory);
    this.#clientKey = parsePublicKey(publicKey);
    this.#server = new ssh2.Server({ hostKeys: [readFileSync(this.#hostKey.privateKeyFile)] }, (connection) =>
      this.#accept(connection),
    );
    this.#server.on('error', () => undefined);
    const file = join(this.#directory, 'ssh-port');
    let port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : randomPort();
    while (!(reservePort(port, this.#directory) && (await this.#listen(port)))) port = randomPort();
    this.stop();
    this.#port = port;
    writeFileSync(file, String(port));
  }

  /** Listens. Retries while another program has the port. */
  async start(): Promise<void> {
    for (let attempt = 0; !(await this.#listen(this.#port)); attempt++) {
      if (attempt === 50) {
        throw new Error(`${this.#machineId}: SSH port ${this.#port} is taken; end the program that listens on it`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Refuses new connections and resets the ones there are. */
  stop(): void {
    this.#listener?.close();
    this.#listener = undefined;
    for (const socket of this.#connections) socket.resetAndDestroy();
    this.#connections.clear();
  }

  #listen(port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const listener = createServer((socket) => void this.#connected(socket));
      listener.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
        else reject(error);
      });
      listener.listen(port, HOST, () => {
        this.#listener = listener;
        resolve(true);
      });
    });
  }

  async #connected(socket: Socket): Promise<void> {
    this.#connections.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    const verdict = this.#context.faults.consult({ at: 'connection', protocol: 'ssh', machine: this.#machineId });
    switch (verdict?.do) {
      case 'drop':
        socket.resetAndDestroy();
        return;
      case 'die':
        this.#onDie('fault');
        return;
      case 'error':
        socket.end(`${verdict.reason}\r\n`);
        return;
      case 'delay':
        await this.#context.clock.sleep(verdict.ms);
        break;
      case 'cut':
        cutAfter(socket, verdict.bytes, () =>
          this.#context.log.record('fault', 'connection.cut', this.#machineId, { bytes: verdict.bytes }),
        );
        break;
      default:
        break;
    }
    if (!socket.destroyed) this.#server?.injectSocket(socket);
  }

  #accept(connection: Connection): void {
    let user = '';
    connection.on('error', () => undefined);
    connection.on('authentication', (auth) => {
      const key = this.#clientKey;
      if (auth.method !== 'publickey' || auth.username !== 'root' || !key) return auth.reject(['publickey']);
      const same = auth.key.algo === key.type && auth.key.data.equals(key.getPublicSSH());
      if (!same) return auth.reject(['publickey']);
      if (auth.signature && auth.blob && key.verify(auth.blob, auth.signature, auth.hashAlgo) !== true) {
        return auth.reject(['publickey']);
      }
      user = auth.username;
      auth.accept();
    });
    connection.on('ready', () => {
      const actor = `ssh:${user}@${this.#machineId}`;
      this.#context.log.record(actor, 'ssh.connect', this.#machineId);
      connection.on('session', (accept) => this.#serve(accept(), actor, connection));
    });
  }

  #serve(session: SshSession, actor: string, connection: Connection): void {
    const env: Record<string, string> = {};
    session.on('pty', (accept) => accept?.());
    session.on('env', (accept, reject, info) => {
      // sshd's AcceptEnv on Debian.
      if (!/^(LANG|LC_\w+)$/.test(info.key)) return reject?.();
      env[info.key] = info.val;
      accept?.();
    });
    session.on('exec', (accept, _reject, info) => {
      this.#context.log.record(actor, 'ssh.exec', this.#machineId, { line: info.command });
      this.#exec(session, accept(), info.command, { actor, env, cut: () => cut(connection) });
    });
  }

  /** Like OpenSSH: the exit status goes out at once, the channel closes when nobody holds its output any more. */
  #exec(
    session: SshSession,
    channel: ServerChannel,
    line: string,
    login: { actor: string; env: Record<string, string>; cut: () => void },
  ): void {
    const { child } = this.#shell.start(line, login);
    session.on('signal', (accept, _reject, info) => {
      accept?.();
      if (child.pid !== undefined) kill(-child.pid, `SIG${info.name}` as NodeJS.Signals);
    });
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    channel.pipe(child.stdin);
    child.stdin.on('error', () => channel.unpipe(child.stdin));
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    child.once('exit', (code, signal) => {
      if (signal) channel.exit(signal.slice(3), false, '');
      else channel.exit(code ?? 255);
    });
    child.once('close', () => channel.stderr.write('', () => channel.end()));
    channel.once('close', () => {
      // Whoever still writes gets SIGPIPE, whoever still reads an end; nothing is killed, as without a terminal.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    });
  }
}

function cut(connection: Connection): void {
  // ssh2's types hide the socket; a fault needs a cut without the protocol's goodbye.
  const socket = (connection as unknown as { _sock?: Socket })._sock;
  if (socket) socket.resetAndDestroy();
  else connection.end();
}

function randomPort(): number {
  return 15_000 + Math.floor(Math.random() * 16_000);
}
