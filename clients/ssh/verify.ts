import { readFile } from 'node:fs/promises';
import { SshError } from './errors.ts';
import {
  algorithmsFor,
  fingerprintOf,
  keyTypeOf,
  knownKeys,
  normalizeFingerprint,
  type HostKeyOptions,
  type KnownKey,
  type SignatureAlgorithm,
} from './host-keys.ts';

/** Decides about one host's key. */
export interface HostKeyPolicy {
  /** Signature algorithms to offer, so that the host shows a key of a type that is known. */
  readonly algorithms: SignatureAlgorithm[];
  /** Undefined if the key is trusted, else why not. */
  check(blob: Buffer): SshError | undefined;
  /** The error if the host has no key of the types asked for. */
  noCommonKey(cause: unknown): SshError;
}

interface Host {
  readonly label: string;
  readonly host: string;
  readonly port: number;
}

/** Throws `SshHostKeyUnknown` if the known_hosts file cannot be read. */
export async function loadHostKeyPolicy(host: Host, options: HostKeyOptions): Promise<HostKeyPolicy> {
  if ('fingerprint' in options) return pinnedPolicy(host, normalizeFingerprint(options.fingerprint), options.keyType);
  const keys = knownKeys(await readKnownHosts(host, options.knownHostsFile), host.host, host.port);
  return knownHostsPolicy(host, keys, options.knownHostsFile);
}

function pinnedPolicy(host: Host, expected: string, keyType: string | undefined): HostKeyPolicy {
  const place = "the configured 'fingerprint'";
  return {
    algorithms: algorithmsFor(keyType === undefined ? [] : [keyType]),
    check: (blob) => (fingerprintOf(blob) === expected ? undefined : changed(host, blob, expected, place)),
    noCommonKey: (cause) => noCommonKey(host, keyType === undefined ? [] : [keyType], cause),
  };
}

function knownHostsPolicy(host: Host, keys: readonly KnownKey[], file: string): HostKeyPolicy {
  const trusted = keys.filter((key) => key.marker === undefined);
  const keyTypes = trusted.map((key) => key.keyType);
  return {
    algorithms: algorithmsFor(keyTypes),
    check: (blob) => {
      const same = (key: KnownKey): boolean => key.blob === blob.toString('base64');
      if (keys.some((key) => key.marker === 'revoked' && same(key))) return revoked(host, blob, file);
      if (trusted.length === 0) return unknown(host, blob, file);
      if (trusted.some(same)) return undefined;
      const known = trusted.map((key) => fingerprintOf(Buffer.from(key.blob, 'base64'))).join(' or ');
      return changed(host, blob, known, file);
    },
    noCommonKey: (cause) => noCommonKey(host, keyTypes, cause),
  };
}

async function readKnownHosts(host: Host, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const message =
      `the known_hosts file cannot be read (${String(error)}). Correct 'knownHostsFile', or give the host's ` +
      `'fingerprint'.`;
    throw new SshError('SshHostKeyUnknown', 'refused', host.label, message, error);
  }
}

function shown(blob: Buffer): string {
  return `${keyTypeOf(blob)} ${fingerprintOf(blob)}`;
}

const compare = `Compare it with 'ssh-keygen -lf' of the host's key in /etc/ssh, on its console`;

function unknown(host: Host, blob: Buffer, file: string): SshError {
  const message =
    `the host is not in ${file}; it shows ${shown(blob)}. Nothing was sent. ${compare}; if it is the same, add the ` +
    `host to that file or set 'fingerprint: ${fingerprintOf(blob)}'.`;
  return new SshError('SshHostKeyUnknown', 'refused', host.label, message);
}

function changed(host: Host, blob: Buffer, expected: string, place: string): SshError {
  const message =
    `the host key is not the known one: it shows ${shown(blob)}, ${place} says ${expected}. Nothing was sent. Someone ` +
    `may be in between, or the host was reinstalled. ${compare}; only if it is the same, put it into the configuration.`;
  return new SshError('SshHostKeyChanged', 'refused', host.label, message);
}

function revoked(host: Host, blob: Buffer, file: string): SshError {
  const message = `the host shows ${shown(blob)}, which ${file} marks as revoked. Nothing was sent. Give the host a new key.`;
  return new SshError('SshHostKeyChanged', 'refused', host.label, message);
}

function noCommonKey(host: Host, keyTypes: readonly string[], cause: unknown): SshError {
  const wanted = keyTypes.length === 0 ? 'a supported type' : keyTypes.join(' or ');
  const message =
    `the host has no key of ${wanted}. Nothing was sent. Find out which keys it has ('ssh-keyscan'), compare them on ` +
    `its console, and put one into the configuration.`;
  return new SshError('SshHostKeyUnknown', 'refused', host.label, message, cause);
}
