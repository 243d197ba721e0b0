import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { NodeSSH } from 'node-ssh';
import { SshError } from './errors.ts';
import { algorithmsFor, fingerprintOf, keyTypeOf, knownKeys, namesOnly } from './host-keys.ts';

export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

export interface ShownHostKey {
  /** `ssh-ed25519`, … */
  readonly keyType: string;
  /** `SHA256:…` as ssh-keygen prints it. */
  readonly fingerprint: string;
  /** Base64 of the public key blob. */
  readonly blob: string;
}

/**
 * Asks a host for its key and goes away before anything of ours is sent, as ssh-keyscan(1) does. That it holds the private
 * half is proved by the first real connection only.
 *
 * @param keyTypes Types that it is known by; empty: the best that it has.
 * @returns null if it has no key of these types.
 */
export async function showHostKey(
  { host, port }: HostAddress,
  { keyTypes, timeoutMs }: { readonly keyTypes: readonly string[]; readonly timeoutMs: number },
): Promise<ShownHostKey | null> {
  const ssh = new NodeSSH();
  let shown: ShownHostKey | undefined;
  const connecting = ssh.connect({
    host,
    port,
    // Never sent: the connection ends at the key.
    username: 'nobody',
    readyTimeout: timeoutMs,
    algorithms: { serverHostKey: algorithmsFor(keyTypes) },
    hostVerifier: (blob: Buffer) => {
      shown = { keyType: keyTypeOf(blob), fingerprint: fingerprintOf(blob), blob: blob.toString('base64') };
      return false;
    },
  });
  const client = ssh.connection;
  client?.on('error', () => undefined);
  const error: unknown = await connecting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  client?.destroy();
  if (shown) return shown;
  const { message } = error as Error;
  if (/no matching host key/i.test(message)) return null;
  const text = `it shows no host key (${message}). Check that the host is up, its address, and sshd.`;
  throw new SshError('SshUnreachable', 'retryable', `${host}:${port}`, text, error);
}

/** What a known_hosts text says of the key that a host shows. */
export type HostKeyState = 'new' | 'unchanged' | 'changed' | 'revoked';

/** Compares what a host shows with what a known_hosts text has of it, `known` being the fingerprints there. */
export function compareHostKey(
  text: string,
  { host, port }: HostAddress,
  shown: ShownHostKey,
): { readonly state: HostKeyState; readonly known: readonly string[] } {
  const keys = knownKeys(text, host, port);
  const trusted = keys.filter(({ marker }) => marker === undefined);
  const known = trusted.map(({ blob }) => fingerprintOf(Buffer.from(blob, 'base64')));
  if (keys.some(({ marker, blob }) => marker === 'revoked' && blob === shown.blob)) return { state: 'revoked', known };
  if (trusted.length === 0) return { state: 'new', known };
  return { state: trusted.some(({ blob }) => blob === shown.blob) ? 'unchanged' : 'changed', known };
}

/** Text of a known_hosts file; a file that is not there knows nobody. */
export async function readKnownHosts(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * The text with one key for the host, in the place of those it was known by. Lines of other hosts and marked lines stay.
 *
 * @throws Error if a line names other hosts as well: to change it would change those.
 */
export function withHostKey(text: string, { host, port }: HostAddress, { keyType, blob }: ShownHostKey): string {
  const name = port === 22 ? host : `[${host}]:${port}`;
  const kept = text.split(/\r?\n/).filter((line) => {
    if (knownKeys(line, host, port).every(({ marker }) => marker === 'revoked')) return true;
    if (namesOnly(line, host, port)) return false;
    throw new Error(
      `a line names ${name} together with other hosts. Change it by hand: ${line.trim().split(/\s+/)[0]}`,
    );
  });
  const before = kept.join('\n').replace(/\n*$/, '');
  return `${before}${before === '' ? '' : '\n'}${name} ${keyType} ${blob}\n`;
}

/** Puts a text into a file that nobody else may read, in one step: whoever reads it finds the old or the new one. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const next = `${target}.${randomUUID()}`;
  try {
    const handle = await open(next, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, target);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}
