import { createHash, createHmac } from 'node:crypto';

/** What a host is known by: the fingerprint of one key, or its lines of a known_hosts file. */
export type HostKeyOptions =
  /** `SHA256:…` as ssh-keygen prints it; `keyType` (such as `ssh-ed25519`) makes the host show that key. */
  { readonly fingerprint: string; readonly keyType?: string } | { readonly knownHostsFile: string };

export interface KnownKey {
  readonly marker: 'revoked' | undefined;
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, … */
  readonly keyType: string;
  /** Base64 of the public key blob. */
  readonly blob: string;
}

/** The fingerprint of a raw public key blob as OpenSSH prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** A public key blob starts with its type as a length-prefixed text (RFC 4253 section 6.6). */
export function keyTypeOf(blob: Buffer): string {
  if (blob.length < 4) return 'unknown';
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
}

/** Adds the prefix and drops the padding, so that fingerprints compare as text. */
export function normalizeFingerprint(given: string): string {
  const digest = given
    .trim()
    .replace(/^SHA256:/i, '')
    .replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]{43}$/.test(digest)) {
    throw new Error(
      `'${given}' is no SHA-256 host key fingerprint. Give it as 'ssh-keygen -lf <host key>.pub' prints it, SHA256:….`,
    );
  }
  return `SHA256:${digest}`;
}

/**
 * The keys a known_hosts text (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) holds for a host. Hosts on another port than 22 are
 * listed as `[host]:port`. Certificate authorities are left out: host certificates are not supported.
 */
export function knownKeys(text: string, host: string, port: number): readonly KnownKey[] {
  const name = nameIn(host, port);
  return text.split(/\r?\n/).flatMap((line) => keyForHost(line, name) ?? []);
}

/** Whether a line of known_hosts is about this host and no other. A hashed name is that of one host. */
export function namesOnly(line: string, host: string, port: number): boolean {
  const [hosts = ''] = line.trim().split(/\s+/);
  return hosts.startsWith('|1|')
    ? hashedHostMatches(hosts, nameIn(host, port))
    : hosts.toLowerCase() === nameIn(host, port);
}

function nameIn(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function keyForHost(line: string, name: string): KnownKey | undefined {
  const fields = line.trim().split(/\s+/);
  if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return undefined;
  const marker = fields[0].startsWith('@') ? fields.shift() : undefined;
  const [hosts, keyType, blob] = fields;
  if (hosts === undefined || keyType === undefined || blob === undefined) return undefined;
  if (marker !== undefined && marker !== '@revoked') return undefined;
  if (!hostsMatch(hosts, name)) return undefined;
  return { marker: marker === undefined ? undefined : 'revoked', keyType, blob };
}

function hostsMatch(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return hashedHostMatches(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && wildcardMatches(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && wildcardMatches(pattern, name));
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt, both in base64. */
function hashedHostMatches(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

function wildcardMatches(pattern: string, name: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

// Without ssh-rsa, whose signatures are SHA-1; RSA keys are used with the SHA-2 signatures of RFC 8332.
const signatureAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** The algorithms by which a host can show a key of one of these types; all of them for an empty list. */
export function algorithmsFor(keyTypes: readonly string[]): SignatureAlgorithm[] {
  if (keyTypes.length === 0) return [...signatureAlgorithms];
  return signatureAlgorithms.filter((algorithm) =>
    keyTypes.includes(algorithm.startsWith('rsa-sha2') ? 'ssh-rsa' : algorithm),
  );
}
