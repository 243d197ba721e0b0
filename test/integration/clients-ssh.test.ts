import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSshClient, SshError, type SshClient, type SshClientOptions } from '../../clients/ssh/index.ts';
import { createKeyPair, startSshServer, type SshServer, type SshServerOptions } from './clients-ssh-server.ts';

const hostKey = createKeyPair('ed25519');
const rsaHostKey = createKeyPair('rsa');
const otherKey = createKeyPair('ed25519');
const clientKey = createKeyPair('ed25519');
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function sshd(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  const server = await startSshServer({ hostKeys: [hostKey], clientKey, ...options });
  cleanups.push(() => server.close());
  return server;
}

function client(server: { port: number }, options: Partial<SshClientOptions> = {}): SshClient {
  return createSshClient({
    host: '127.0.0.1',
    port: server.port,
    username: 'root',
    privateKey: () => Promise.resolve(clientKey.privateKey),
    hostKey: { fingerprint: hostKey.fingerprint },
    ...options,
  });
}

async function knownHosts(text: string): Promise<{ knownHostsFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'clients-ssh-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const knownHostsFile = join(folder, 'known_hosts');
  await writeFile(knownHostsFile, text);
  return { knownHostsFile };
}

async function failure(call: Promise<unknown>): Promise<SshError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

describe('host keys', () => {
  it('runs a command on a host with the pinned fingerprint', async () => {
    const server = await sshd();
    const result = await client(server).exec('echo out; echo err >&2; exit 3');
    expect(result).toEqual({ code: 3, signal: undefined, stdout: 'out\n', stderr: 'err\n', truncated: false });
  });

  it('refuses a changed host key before any authentication and tells both fingerprints', async () => {
    const server = await sshd();
    const error = await failure(client(server, { hostKey: { fingerprint: otherKey.fingerprint } }).exec('true'));
    expect(error).toMatchObject({ type: 'SshHostKeyChanged', outcome: 'refused' });
    expect(error.message).toContain(hostKey.fingerprint);
    expect(error.message).toContain(otherKey.fingerprint);
    expect(server.authentications).toEqual([]);
  });

  it('refuses a host that known_hosts does not list before any authentication', async () => {
    const server = await sshd();
    const known = await knownHosts(`# none\n[127.0.0.2]:${server.port} ${hostKey.line}\n127.0.0.1 ${hostKey.line}\n`);
    const error = await failure(client(server, { hostKey: known }).exec('true'));
    expect(error).toMatchObject({ type: 'SshHostKeyUnknown', outcome: 'refused' });
    expect(error.message).toContain(`fingerprint: ${hostKey.fingerprint}`);
    expect(server.authentications).toEqual([]);
  });

  it('refuses another key than known_hosts lists before any authentication', async () => {
    const server = await sshd();
    const known = await knownHosts(`[127.0.0.1]:${server.port} ${otherKey.line}\n`);
    expect((await failure(client(server, { hostKey: known }).exec('true'))).type).toBe('SshHostKeyChanged');
    expect(server.authentications).toEqual([]);
  });

  it('refuses a revoked key even if it is listed as well', async () => {
    const server = await sshd();
    const name = `[127.0.0.1]:${server.port}`;
    const known = await knownHosts(`${name} ${hostKey.line}\n@revoked ${name} ${hostKey.line}\n`);
    const error = await failure(client(server, { hostKey: known }).exec('true'));
    expect(error).toMatchObject({ type: 'SshHostKeyChanged', outcome: 'refused' });
    expect(error.message).toContain('revoked');
    expect(server.authentications).toEqual([]);
  });

  it('finds a host by its hashed name', async () => {
    const server = await sshd();
    const salt = randomBytes(20);
    const hash = createHmac('sha1', salt).update(`[127.0.0.1]:${server.port}`).digest('base64');
    const known = await knownHosts(`|1|${salt.toString('base64')}|${hash} ${hostKey.line} comment\n`);
    expect((await client(server, { hostKey: known }).exec('true')).code).toBe(0);
  });

  it('makes a host with several keys show the one that is known', async () => {
    const server = await sshd({ hostKeys: [hostKey, rsaHostKey] });
    const known = await knownHosts(`[127.0.0.1]:${server.port} ${rsaHostKey.line}\n`);
    expect((await client(server, { hostKey: known }).exec('true')).code).toBe(0);
    const pinned = { fingerprint: rsaHostKey.fingerprint, keyType: 'ssh-rsa' };
    expect((await client(server, { hostKey: pinned }).exec('true')).code).toBe(0);
  });

  it('says so if the host has no key of a known type', async () => {
    const server = await sshd();
    const known = await knownHosts(`[127.0.0.1]:${server.port} ${rsaHostKey.line}\n`);
    const error = await failure(client(server, { hostKey: known }).exec('true'));
    expect(error).toMatchObject({ type: 'SshHostKeyUnknown', outcome: 'refused' });
    expect(server.authentications).toEqual([]);
  });

  it('connects nowhere without a readable known_hosts file', async () => {
    const server = await sshd();
    const error = await failure(client(server, { hostKey: { knownHostsFile: '/none/known_hosts' } }).exec('true'));
    expect(error).toMatchObject({ type: 'SshHostKeyUnknown', outcome: 'refused' });
    expect(error.message).toContain('/none/known_hosts');
  });
});

describe('connecting', () => {
  it('reports a key the host does not accept as refused', async () => {
    const server = await sshd();
    const wrong = client(server, { privateKey: () => Promise.resolve(otherKey.privateKey) });
    const error = await failure(wrong.exec('true'));
    expect(error).toMatchObject({ type: 'SshAuthentication', outcome: 'refused' });
    expect(error.message).toContain('authorized_keys');
  });

  it('reports a text that is no private key as refused, without showing it', async () => {
    const server = await sshd();
    const error = await failure(client(server, { privateKey: () => Promise.resolve('hunter2') }).exec('true'));
    expect(error).toMatchObject({ type: 'SshAuthentication', outcome: 'refused' });
    expect(error.message).not.toContain('hunter2');
  });

  it('reports a port on which nobody listens as retryable', async () => {
    const server = await sshd();
    await server.close();
    expect(await failure(client(server).exec('true'))).toMatchObject({ type: 'SshUnreachable', outcome: 'retryable' });
  });

  it('gives up a host that accepts connections and says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const impatient = client(silent.address() as AddressInfo, { timeouts: { connect: 100 } });
    expect(await failure(impatient.exec('true'))).toMatchObject({ type: 'SshTimeout', outcome: 'retryable' });
  });
});

describe('commands', () => {
  it('closes stdin unless text is given for it', async () => {
    const server = await sshd();
    expect((await client(server).exec('cat; echo end')).stdout).toBe('end\n');
    expect((await client(server).exec('cat', { stdin: 'grüße\n' })).stdout).toBe('grüße\n');
    expect((await client(server).exec('exit 0', { stdin: 'x'.repeat(1_000_000) })).code).toBe(0);
  });

  it('reports the signal that ended a command', async () => {
    const server = await sshd();
    expect(await client(server).exec('kill -9 $$')).toMatchObject({ code: undefined, signal: 'SIGKILL' });
  });

  it('keeps head and tail of output above the bound and says that it is truncated', async () => {
    const server = await sshd();
    const result = await client(server).exec('echo first; head -c 3000000 /dev/zero; echo last', {
      maxOutputBytes: 1_000,
    });
    expect(result.truncated).toBe(true);
    expect(result.stdout.startsWith('first\n')).toBe(true);
    expect(result.stdout.endsWith('last\n')).toBe(true);
    expect(result.stdout).toContain('[2999011 bytes left out]');
    expect(result.stdout.length).toBeLessThan(1_100);
  });

  it('keeps characters whole that lie across packets', async () => {
    const half = Buffer.from('ü');
    const server = await sshd({
      onExec: (channel) => {
        channel.write(half.subarray(0, 1));
        setImmediate(() => {
          channel.write(half.subarray(1));
          channel.exit(0);
          channel.end();
        });
      },
    });
    expect((await client(server).exec('x')).stdout).toBe('ü');
  });

  it('gives up a command that does not end, with unknown outcome', async () => {
    const server = await sshd({ onExec: () => undefined });
    const error = await failure(client(server).exec('sleep', { timeoutMs: 50 }));
    expect(error).toMatchObject({ type: 'SshTimeout', outcome: 'unknown' });
    await vi.waitFor(() => expect(server.connected()).toBe(0));
  });

  it('reports a connection lost under a command as unknown', async () => {
    const server = await sshd({ onExec: () => server.cut() });
    expect(await failure(client(server).exec('reboot'))).toMatchObject({
      type: 'SshConnectionLost',
      outcome: 'unknown',
    });
  });

  it('reports a command that ends without an exit code as unknown', async () => {
    const server = await sshd({ onExec: (channel) => channel.end() });
    expect(await failure(client(server).exec('x'))).toMatchObject({ type: 'SshConnectionLost', outcome: 'unknown' });
  });

  it('rejects with the reason of an aborted signal and cuts the connection', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the operator');
    const server = await sshd({ onExec: () => controller.abort(reason) });
    await expect(client(server).exec('x', { signal: controller.signal })).rejects.toBe(reason);
    await vi.waitFor(() => expect(server.connected()).toBe(0));
  });

  it('runs several commands over one connection and closes it', async () => {
    const server = await sshd();
    const outputs = await client(server).withConnection(async (connection) => {
      const first = await connection.exec('echo 1');
      const both = await Promise.all([connection.exec('echo 2'), connection.exec('echo 3')]);
      return [first, ...both].map((result) => result.stdout);
    });
    expect(outputs).toEqual(['1\n', '2\n', '3\n']);
    expect(server.authentications.filter((method) => method === 'publickey').length).toBeLessThanOrEqual(2);
    await vi.waitFor(() => expect(server.connected()).toBe(0));
  });
});
