import { randomBytes } from 'node:crypto';
import { CIPHER_SUITES, hmac, sessionKeys } from './keys.ts';
import type { CipherSuite, SessionKeys } from './keys.ts';

/** Levels of privilege (IPMI 2.0, table 13-15). */
export const PRIVILEGE = { callback: 1, user: 2, operator: 3, administrator: 4 } as const;

export interface BmcUser {
  readonly name: string;
  readonly password: string;
  readonly privilege: keyof typeof PRIVILEGE;
}

/** Status codes of RMCP+ and RAKP (table 13-15). */
const STATUS = {
  ok: 0x00,
  noResources: 0x01,
  invalidSession: 0x02,
  unauthorizedRole: 0x0a,
  unauthorizedName: 0x0d,
  invalidCheck: 0x0f,
  noSuite: 0x11,
  illegal: 0x12,
} as const;

/** As many as can be open, half open ones included; like those of real ones they are few. */
const MOST_SESSIONS = 8;
/** A session that nobody uses ends after so long (section 6.12.15), virtual milliseconds. */
const IDLE_MS = 60_000;

/** One session, from its opening on. */
export interface Session {
  readonly id: number;
  readonly console: Buffer;
  readonly suite: CipherSuite;
  /** What the two have proven to each other. */
  proof: { readonly user: BmcUser; readonly role: number; readonly theirs: Buffer; readonly ours: Buffer } | undefined;
  /** Undefined until RAKP is through. */
  keys: SessionKeys | undefined;
  privilege: number;
  /** Of packets that were sent. */
  sequence: number;
  lastUsed: number;
}

export interface SessionsOptions {
  readonly users: readonly BmcUser[];
  readonly guid: Buffer;
  /** Virtual milliseconds. */
  readonly now: () => number;
}

/** Opens sessions by RMCP+ and RAKP (IPMI 2.0, sections 13.17 to 13.23); answers are payloads. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #open = new Map<number, Session>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** The session whose keys are known. */
  active(id: number): { readonly session: Session; readonly keys: SessionKeys } | undefined {
    const session = this.#find(id);
    return session?.keys && { session, keys: session.keys };
  }

  end(id: number): boolean {
    return this.#open.delete(id);
  }

  /** Forgets all, as when it lost its power. */
  clear(): void {
    this.#open.clear();
  }

  /** Open Session Request → Response. */
  opened(payload: Buffer): Buffer | undefined {
    if (payload.length < 32) return undefined;
    const console = payload.subarray(4, 8);
    const [authentication, integrity, confidentiality] = [payload[12], payload[20], payload[28]];
    const suite = CIPHER_SUITES.find(
      (each) =>
        each.authentication === authentication &&
        each.integrity === integrity &&
        each.confidentiality === confidentiality,
    );
    const refuse = (status: number) => Buffer.from([payload[0] ?? 0, status, 0, 0, ...console]);
    if (suite === undefined) return refuse(STATUS.noSuite);
    this.#forgetIdle();
    if (this.#open.size >= MOST_SESSIONS) return refuse(STATUS.noResources);
    const session: Session = {
      id: newId(this.#open),
      console: Buffer.from(console),
      suite,
      proof: undefined,
      keys: undefined,
      privilege: PRIVILEGE.user,
      sequence: 0,
      lastUsed: this.#options.now(),
    };
    this.#open.set(session.id, session);
    const algorithm = (type: number, value: number) => [type, 0, 0, 8, value, 0, 0, 0];
    return Buffer.concat([
      Buffer.from([payload[0] ?? 0, STATUS.ok, PRIVILEGE.administrator, 0]),
      session.console,
      number32(session.id),
      Buffer.from([
        ...algorithm(0, suite.authentication),
        ...algorithm(1, suite.integrity),
        ...algorithm(2, suite.confidentiality),
      ]),
    ]);
  }

  /** RAKP 1 → 2: proves that we know the password, too. */
  rakp2(payload: Buffer): Buffer | undefined {
    if (payload.length < 28) return undefined;
    const session = this.#find(payload.readUInt32LE(4));
    const refuse = (status: number) =>
      Buffer.concat([Buffer.from([payload[0] ?? 0, status, 0, 0]), session?.console ?? Buffer.alloc(4)]);
    if (session === undefined) return refuse(STATUS.invalidSession);
    const role = payload.readUInt8(24);
    const length = payload.readUInt8(27);
    if (length > 16 || payload.length < 28 + length) return this.#refused(session, refuse(STATUS.illegal));
    const name = payload.subarray(28, 28 + length).toString('latin1');
    const user = this.#options.users.find((each) => each.name === name);
    if (user === undefined) return this.#refused(session, refuse(STATUS.unauthorizedName));
    if ((role & 0x0f) > PRIVILEGE[user.privilege]) return this.#refused(session, refuse(STATUS.unauthorizedRole));
    const proof = { user, role, theirs: Buffer.from(payload.subarray(8, 24)), ours: randomBytes(16) };
    session.proof = proof;
    const code = hmac(
      session.suite,
      Buffer.from(user.password),
      session.console,
      number32(session.id),
      proof.theirs,
      proof.ours,
      this.#options.guid,
      nameOf(user, role),
    );
    return Buffer.concat([refuse(STATUS.ok), proof.ours, this.#options.guid, code]);
  }

  /** RAKP 3 → 4: the session is open when the other side has proven to know the password. */
  rakp4(payload: Buffer): Buffer | undefined {
    if (payload.length < 8) return undefined;
    const session = this.#find(payload.readUInt32LE(4));
    const answer = (status: number) =>
      Buffer.concat([Buffer.from([payload[0] ?? 0, status, 0, 0]), session?.console ?? Buffer.alloc(4)]);
    if (session?.proof === undefined) return answer(STATUS.invalidSession);
    const { user, role, theirs, ours } = session.proof;
    const { suite } = session;
    const password = Buffer.from(user.password);
    const expected = hmac(suite, password, ours, session.console, nameOf(user, role));
    // The other side tells when our proof was wrong, which is how it finds out that its password is.
    if (payload[1] !== STATUS.ok) return this.#refused(session, undefined);
    if (!payload.subarray(8).equals(expected)) return this.#refused(session, answer(STATUS.invalidCheck));
    session.keys = sessionKeys(suite, hmac(suite, password, theirs, ours, nameOf(user, role)));
    const check = hmac(suite, session.keys.integrityKey, theirs, number32(session.id), this.#options.guid);
    return Buffer.concat([answer(STATUS.ok), check.subarray(0, suite.signature)]);
  }

  #refused<T>(session: Session, answer: T): T {
    this.#open.delete(session.id);
    return answer;
  }

  #find(id: number): Session | undefined {
    this.#forgetIdle();
    const session = this.#open.get(id);
    if (session) session.lastUsed = this.#options.now();
    return session;
  }

  #forgetIdle(): void {
    const now = this.#options.now();
    for (const [id, { lastUsed }] of this.#open) if (now - lastUsed > IDLE_MS) this.#open.delete(id);
  }
}

/** Role and name as they go into every proof. */
function nameOf(user: BmcUser, role: number): Buffer {
  return Buffer.concat([Buffer.from([role, user.name.length]), Buffer.from(user.name, 'latin1')]);
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function newId(taken: ReadonlyMap<number, unknown>): number {
  for (;;) {
    const id = randomBytes(4).readUInt32LE();
    if (id !== 0 && !taken.has(id)) return id;
  }
}
