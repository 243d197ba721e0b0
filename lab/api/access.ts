import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { LabClock } from '../core/clock.ts';
import { PveError } from '../cluster/errors.ts';

/** Tickets live two hours. */
const TICKET_SECONDS = 7200;
/** Tolerance for a ticket from a node whose clock is ahead. */
const TICKET_AHEAD_SECONDS = 300;

/** All privileges the lab's routes ask for; root has them. */
export const ALL_PRIVILEGES = [
  'Sys.Audit',
  'Sys.Modify',
  'Sys.PowerMgmt',
  'Sys.Console',
  'VM.Audit',
  'VM.Migrate',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
  'VM.Backup',
  'VM.Replicate',
  'VM.Config.Disk',
  'VM.GuestAgent.Audit',
  'VM.GuestAgent.FileRead',
  'VM.GuestAgent.Unrestricted',
  'Datastore.Audit',
  'Datastore.AllocateSpace',
  'Mapping.Audit',
  'Mapping.Use',
] as const;

export type Privilege = (typeof ALL_PRIVILEGES)[number];

/** Enough to roll a cluster and no more; configuration of disks stays with root. */
export const OPERATOR_ROLE: readonly Privilege[] = ALL_PRIVILEGES.filter((privilege) => privilege !== 'VM.Config.Disk');

/** Proxmox's built-in role `PVEAuditor`. */
export const AUDITOR_ROLE: readonly Privilege[] = [
  'Datastore.Audit',
  'Mapping.Audit',
  'Sys.Audit',
  'VM.Audit',
  'VM.GuestAgent.Audit',
];

/** Privileges on a path and all below it. */
export interface AclEntry {
  readonly path: string;
  readonly privileges: readonly Privilege[];
}

/** Who calls: `root@pam`, `caretaker@pve!operator`. */
export interface Identity {
  readonly user: string;
  /** Full token id when a token was used. */
  readonly token: string | undefined;
}

interface Token {
  readonly secret: string;
  readonly acl: readonly AclEntry[];
}

/** Logins of a cluster: valid on every node, kept nowhere but in the tickets themselves. */
export class AccessControl {
  readonly #clock: LabClock;
  readonly #key: string;
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #tokens = new Map<string, Token>();

  constructor(clock: LabClock, key: string, passwords: ReadonlyMap<string, string>) {
    this.#clock = clock;
    this.#key = key;
    this.#passwords = passwords;
  }

  /** Adds a privilege-separated token; its secret is the result. */
  addToken(id: string, acl: readonly AclEntry[], secret: string = randomUUID()): string {
    this.#tokens.set(id, { secret, acl });
    return secret;
  }

  /** @throws PveError 401 `authentication failure` */
  login(username: string, password: string): { ticket: string; csrf: string; username: string } {
    const expected = this.#passwords.get(username);
    const renewed = password.startsWith('PVE:') && this.#ticketUser(password) === username;
    if (!renewed && (expected === undefined || !same(expected, password))) {
      throw new PveError(401, 'authentication failure');
    }
    const stamp = this.#stamp();
    const plain = `PVE:${username}:${stamp}`;
    return {
      ticket: `${plain}::${this.#sign(plain)}`,
      csrf: `${stamp}:${this.#sign(`${stamp}:${username}`)}`,
      username,
    };
  }

  /**
   * Who sent a request, by its `Authorization` or `Cookie` header.
   * @throws PveError 401
   */
  identify(headers: { authorization?: string; cookie?: string; csrf?: string }, needsCsrf: boolean): Identity {
    const token = /^PVEAPIToken=([^=]+)=(.+)$/.exec(headers.authorization ?? '');
    if (token) return this.#tokenIdentity(token[1] ?? '', token[2] ?? '');
    const cookie = /(?:^|;\s*)PVEAuthCookie=([^;]+)/.exec(headers.cookie ?? '')?.[1];
    if (!cookie) throw new PveError(401, 'No ticket');
    const user = this.#ticketUser(decodeURIComponent(cookie));
    if (!user) throw new PveError(401, 'Authentication failed!');
    if (needsCsrf && !this.#csrfFits(headers.csrf ?? '', user)) {
      throw new PveError(401, 'Permission denied - invalid csrf token');
    }
    return { user, token: undefined };
  }

  has(identity: Identity, path: string, privilege: Privilege): boolean {
    if (identity.token === undefined) return identity.user === 'root@pam';
    const acl = this.#tokens.get(identity.token)?.acl ?? [];
    return acl.some((entry) => covers(entry.path, path) && entry.privileges.includes(privilege));
  }

  /** `GET /access/permissions`: privileges by path. */
  permissions(identity: Identity): Record<string, Record<string, 1>> {
    const entries: readonly AclEntry[] =
      identity.token === undefined
        ? [{ path: '/', privileges: identity.user === 'root@pam' ? ALL_PRIVILEGES : [] }]
        : (this.#tokens.get(identity.token)?.acl ?? []);
    return Object.fromEntries(
      entries.map((entry) => [entry.path, Object.fromEntries(entry.privileges.map((name) => [name, 1 as const]))]),
    );
  }

  #tokenIdentity(id: string, secret: string): Identity {
    const token = this.#tokens.get(id);
    if (!token || !same(token.secret, secret)) throw new PveError(401, 'Authentication failed!');
    return { user: id.split('!')[0] ?? id, token: id };
  }

  /** User of a ticket that is genuine and not older than two hours. */
  #ticketUser(ticket: string): string | undefined {
    const match = /^(PVE:([^:]+):([0-9A-F]{8}))::(.+)$/.exec(ticket);
    if (!match) return undefined;
    const [, plain = '', user, stamp = '', signature = ''] = match;
    return same(this.#sign(plain), signature) && this.#isFresh(stamp) ? user : undefined;
  }

  #csrfFits(csrf: string, user: string): boolean {
    const [stamp = '', signature = ''] = csrf.split(':');
    return same(this.#sign(`${stamp}:${user}`), signature) && this.#isFresh(stamp);
  }

  #stamp(): string {
    return Math.floor(this.#clock.now() / 1000)
      .toString(16)
      .toUpperCase()
      .padStart(8, '0');
  }

  #isFresh(stamp: string): boolean {
    const age = Math.floor(this.#clock.now() / 1000) - Number.parseInt(stamp, 16);
    return age > -TICKET_AHEAD_SECONDS && age < TICKET_SECONDS;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64');
  }
}

/** The user as tasks name it: `root@pam`, `caretaker@pve!operator`. */
export function userName(identity: Identity): string {
  return identity.token ?? identity.user;
}

function covers(prefix: string, path: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
