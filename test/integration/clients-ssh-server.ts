import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

/** A pair of keys in the formats SSH uses. */
export interface KeyPair {
  readonly privateKey: string;
  /** Raw public key blob. */
  readonly blob: Buffer;
  /** `ssh-ed25519 AAAA…` */
  readonly line: string;
  readonly fingerprint: string;
}

export function createKeyPair(type: 'ed25519' | 'rsa' | 'ecdsa'): KeyPair {
  const options = { ed25519: {}, rsa: { bits: 2048 }, ecdsa: { bits: 256 } }[type];
  const pair = ssh2.utils.generateKeyPairSync(type as 'rsa', options as { bits: number });
  const parsed = ssh2.utils.parseKey(pair.public);
  // ssh2 drops leading zeros of a key, so that one of 256 is too short to be read.
  if (parsed instanceof Error || ssh2.utils.parseKey(pair.private) instanceof Error) return createKeyPair(type);
  const blob = parsed.getPublicSSH();
  const digest = createHash('sha256').update(blob).digest('base64').replace('=', '');
  const line = pair.public.split(' ').slice(0, 2).join(' ');
  return { privateKey: pair.private, blob, line, fingerprint: `SHA256:${digest}` };
}

export interface SshServer {
  readonly port: number;
  /** Authentication attempts seen, by method; empty if no client came so far. */
  readonly authentications: string[];
  readonly lines: string[];
  /** Clients connected now. */
  connected(): number;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

export interface SshServerOptions {
  readonly hostKeys: readonly KeyPair[];
  readonly clientKey: KeyPair;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of running the line by /bin/sh. */
  readonly onExec?: (channel: ServerChannel, line: string) => void;
}

/** An SSH server that runs each line by the real /bin/sh; its end takes no job with it, as with sshd. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const authentications: string[] = [];
  const lines: string[] = [];
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: options.hostKeys.map((key) => key.privateKey) }, (client) => {
    clients.add(client);
    client.on('error', () => undefined);
    client.on('close', () => clients.delete(client));
    client.on('authentication', (context) => {
      authentications.push(context.method);
      const accepted = context.method === 'publickey' && context.key.data.equals(options.clientKey.blob);
      if (accepted) context.accept();
      else context.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        lines.push(command);
        const channel = acceptExec();
        if (options.onExec === undefined) runBySh(channel, command, options.env ?? {});
        else options.onExec(channel, command);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  function cut(): void {
    for (const client of clients) (client as unknown as { _sock: { destroy(): void } })._sock.destroy();
  }
  return {
    port: (server.address() as AddressInfo).port,
    authentications,
    lines,
    connected: () => clients.size,
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}

function runBySh(channel: ServerChannel, line: string, env: Readonly<Record<string, string>>): void {
  const child = spawn('/bin/sh', ['-c', line], { env: { PATH: '/usr/bin:/bin', ...env }, stdio: 'pipe' });
  channel.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on('close', (code, signal) => {
    if (code === null) channel.exit(signal?.replace('SIG', '') ?? 'KILL', false, '');
    else channel.exit(code);
    channel.end();
  });
}
