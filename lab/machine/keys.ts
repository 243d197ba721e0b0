import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { ParsedKey } from 'ssh2';

/** One lab, one client key: made at the first call, the same ever after. */
export function ensureSshClientKey(directory: string): Promise<{ privateKeyFile: string; publicKey: string }> {
  return Promise.resolve(ensureKey(join(directory, 'ssh-client'), 'id_ed25519', 'caretaker-lab'));
}

/** An ed25519 key pair in OpenSSH's format; the private file is readable by its owner only. */
export function ensureKey(
  folder: string,
  name: string,
  comment: string,
): { privateKeyFile: string; publicKey: string } {
  const privateKeyFile = join(folder, name);
  const publicKeyFile = `${privateKeyFile}.pub`;
  if (!existsSync(privateKeyFile) || !existsSync(publicKeyFile)) {
    const pair = generateKeyPair(comment);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(privateKeyFile, pair.private, { mode: 0o600 });
    writeFileSync(publicKeyFile, `${pair.public}\n`);
  }
  // ssh(1) refuses a private key that others may read, and a copied folder may have lost its modes.
  chmodSync(privateKeyFile, 0o600);
  return { privateKeyFile, publicKey: readFileSync(publicKeyFile, 'utf8').trim() };
}

/**
 * ssh2 1.17 strips zero bytes a public key begins with, so that one pair in 256 cannot be read by anybody
 * (mscdex/ssh2#1513): such a pair is thrown away.
 */
function generateKeyPair(comment: string): { private: string; public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (!(ssh2.utils.parseKey(pair.public) instanceof Error)) return pair;
  }
}

export function parsePublicKey(line: string): ParsedKey {
  const key = ssh2.utils.parseKey(line);
  if (key instanceof Error) throw key;
  return key;
}

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprint(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
