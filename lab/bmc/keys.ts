import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

/** A cipher suite: how both sides prove who they are, sign and encrypt (IPMI 2.0, tables 13-17 to 13-20). */
export interface CipherSuite {
  readonly id: number;
  readonly hash: 'sha1' | 'sha256';
  readonly authentication: number;
  readonly integrity: number;
  readonly confidentiality: number;
  /** Bytes of a signature that are sent. */
  readonly signature: number;
}

/** RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128, which everybody has to know, and the same with SHA256. */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  { id: 3, hash: 'sha1', authentication: 1, integrity: 1, confidentiality: 1, signature: 12 },
  { id: 17, hash: 'sha256', authentication: 3, integrity: 4, confidentiality: 1, signature: 16 },
];

const BLOCK = 16;

export function hmac(suite: CipherSuite, key: Buffer, ...parts: readonly Buffer[]): Buffer {
  return createHmac(suite.hash, key).update(Buffer.concat(parts)).digest();
}

/** What a session signs and encrypts with, from its integrity key (section 13.32). */
export interface SessionKeys {
  readonly suite: CipherSuite;
  readonly integrityKey: Buffer;
  readonly k1: Buffer;
  readonly k2: Buffer;
}

export function sessionKeys(suite: CipherSuite, integrityKey: Buffer): SessionKeys {
  const derived = (byte: number): Buffer => hmac(suite, integrityKey, Buffer.alloc(20, byte));
  return { suite, integrityKey, k1: derived(1), k2: derived(2).subarray(0, BLOCK) };
}

export function sign({ suite, k1 }: SessionKeys, bytes: Buffer): Buffer {
  return hmac(suite, k1, bytes).subarray(0, suite.signature);
}

/** AES-CBC-128 as of section 13.29: a random first block, filled up with 1, 2, 3 … and the length of the filling. */
export function encrypt({ k2 }: SessionKeys, bytes: Buffer): Buffer {
  const filling = (BLOCK - ((bytes.length + 1) % BLOCK)) % BLOCK;
  const iv = randomBytes(BLOCK);
  const cipher = createCipheriv('aes-128-cbc', k2, iv).setAutoPadding(false);
  const tail = Buffer.from([...Array.from({ length: filling }, (_, index) => index + 1), filling]);
  return Buffer.concat([iv, cipher.update(Buffer.concat([bytes, tail])), cipher.final()]);
}

/** Undefined for what cannot have been made by `encrypt`. */
export function decrypt({ k2 }: SessionKeys, bytes: Buffer): Buffer | undefined {
  if (bytes.length < 2 * BLOCK || bytes.length % BLOCK !== 0) return undefined;
  const decipher = createDecipheriv('aes-128-cbc', k2, bytes.subarray(0, BLOCK)).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(bytes.subarray(BLOCK)), decipher.final()]);
  const filling = plain.at(-1) ?? 0;
  return filling < plain.length ? plain.subarray(0, plain.length - 1 - filling) : undefined;
}
