import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The lab's secrets: random, made once a directory. */
export interface Credentials {
  readonly rootPassword: string;
  readonly operatorSecret: string;
  readonly observerSecret: string;
  /** Signs tickets. */
  readonly ticketKey: string;
  /** Of the users of the NUT server. */
  readonly upsPassword: string;
  /** Of the users of the nodes' controllers; IPMI takes 20 bytes at most. */
  readonly bmcPassword: string;
}

/** Secrets kept in `<directory>/credentials.json`, readable by its owner alone. */
export function ensureCredentials(directory: string): Credentials {
  const file = join(directory, 'credentials.json');
  const credentials: Credentials = {
    rootPassword: randomBytes(12).toString('base64url'),
    operatorSecret: randomUUID(),
    observerSecret: randomUUID(),
    ticketKey: randomBytes(32).toString('hex'),
    upsPassword: randomBytes(12).toString('base64url'),
    bmcPassword: randomBytes(12).toString('base64url'),
    // A folder of an earlier lab keeps what it has, and gets what is new.
    ...(existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Credentials>) : {}),
  };
  writeFileSync(file, JSON.stringify(credentials, null, 2), { mode: 0o600 });
  return credentials;
}
