import { printable } from '../printable.ts';

export type NutErrorType =
  | 'NutUnreachable'
  | 'NutTimeout'
  | 'NutConnectionLost'
  | 'NutTls'
  | 'NutUnexpectedAnswer'
  | 'NutDataStale'
  | 'NutDriverNotConnected'
  | 'NutCommandFailed'
  | 'NutUnknownError'
  | 'NutUnknownUps'
  | 'NutAccessDenied'
  | 'NutArgument'
  | 'NutCertificate'
  | 'NutTlsMissing'
  | 'NutNotSupported';

/**
 * What somebody who watches a UPS should make of it:
 * - `comms`: what the UPS does is not known at this moment; ask again.
 * - `config`: it will not be known until a person corrects something; say so at once.
 * - `optional`: this UPS or this server does not offer it; do without.
 */
export type NutErrorClass = 'comms' | 'config' | 'optional';

/**
 * - `refused`: asking again the same way cannot help.
 * - `retryable`: nothing was changed, and the answer may be another one later.
 * - `unknown`: the command was sent and may have been carried out.
 */
export type NutOutcome = 'refused' | 'retryable' | 'unknown';

export interface NutErrorDetails {
  readonly type: NutErrorType;
  readonly class: NutErrorClass;
  readonly outcome: NutOutcome;
  /** The server's own words, such as `ERR DATA-STALE`; undefined if it said nothing that could be understood. */
  readonly words?: string | undefined;
  readonly cause?: unknown;
}

/** Every failure of NUT. The message says what happened and what to do; it never holds a secret. */
export class NutError extends Error {
  override readonly name = 'NutError';
  readonly type: NutErrorType;
  readonly class: NutErrorClass;
  readonly outcome: NutOutcome;
  readonly words: string | undefined;
  /** `host:port` */
  readonly server: string;

  constructor(server: string, message: string, details: NutErrorDetails) {
    super(`NUT server ${server}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.type = details.type;
    this.class = details.class;
    this.outcome = details.outcome;
    this.words = details.words;
    this.server = server;
  }
}

interface Reading {
  readonly type: NutErrorType;
  readonly class: NutErrorClass;
  readonly outcome: NutOutcome;
  readonly remedy: string;
}

const comms = (type: NutErrorType, remedy: string): Reading => ({ type, class: 'comms', outcome: 'retryable', remedy });
const config = (type: NutErrorType, remedy: string): Reading => ({ type, class: 'config', outcome: 'refused', remedy });
const optional = (remedy: string): Reading => ({
  type: 'NutNotSupported',
  class: 'optional',
  outcome: 'refused',
  remedy,
});

const denied = config(
  'NutAccessDenied',
  'Check user, password, actions and instcmds in upsd.users, and that upsd was reloaded since.',
);
const needsLogin = config('NutAccessDenied', 'Give the name and the password of a user of upsd.users.');
const argument = config('NutArgument', 'Correct the argument.');
const sequence = comms('NutUnexpectedAnswer', 'Ask again on a new connection.');
const notOffered = optional('This server was built or set up without it.');

/** The error words of RFC 9271, section 4.3, and those of NUT's own docs/net-protocol.txt. */
const READINGS: Readonly<Record<string, Reading>> = {
  'DATA-STALE': comms('NutDataStale', 'The driver gets nothing from the UPS: look at its cable and at the driver.'),
  'DRIVER-NOT-CONNECTED': comms('NutDriverNotConnected', 'Start the driver of this UPS (nut-driver@<ups>).'),
  'INSTCMD-FAILED': comms('NutCommandFailed', 'The driver did not take the command: look at its log.'),
  'SET-FAILED': comms('NutCommandFailed', 'The driver did not take the value: look at its log.'),
  'ALREADY-LOGGED-IN': sequence,
  'ALREADY-SET-USERNAME': sequence,
  'ALREADY-SET-PASSWORD': sequence,
  'ALREADY-SSL-MODE': sequence,
  'UNKNOWN-UPS': config('NutUnknownUps', "Name a UPS that 'upsc -l' lists."),
  'ACCESS-DENIED': denied,
  'INVALID-USERNAME': denied,
  'INVALID-PASSWORD': denied,
  'USERNAME-REQUIRED': needsLogin,
  'PASSWORD-REQUIRED': needsLogin,
  'INVALID-ARGUMENT': argument,
  'INVALID-VALUE': argument,
  'TOO-LONG': argument,
  'UNKNOWN-COMMAND': optional('This server does not know the command; it may be too old.'),
  'UNKNOWN-TYPE': optional('This server does not know the command; it may be too old.'),
  'VAR-NOT-SUPPORTED': optional('This UPS does not report it.'),
  'CMD-NOT-SUPPORTED': optional("This UPS does not know it: see 'upscmd -l'."),
  READONLY: optional('This UPS does not let it be changed.'),
  'FEATURE-NOT-SUPPORTED': notOffered,
  'FEATURE-NOT-CONFIGURED': notOffered,
};

const unknownWord = comms('NutUnknownError', 'See what this version of NUT means by it.');

/** An answer that begins with `ERR`: the server did nothing. */
export function errorFromAnswer(server: string, request: string, words: readonly string[]): NutError {
  const [, code = ''] = words;
  // A word that is not known yet says that the server did not do it, and not that it never will.
  const { remedy, ...reading } = (Object.hasOwn(READINGS, code) ? READINGS[code] : undefined) ?? unknownWord;
  const said = shown(words.join(' '));
  return new NutError(server, `${said} to ${request}. ${remedy}`, { ...reading, words: said });
}

/** True for an answer of `ERR` and a word that NUT has, and nothing else. */
export function isKnownError(words: string): boolean {
  return words.startsWith('ERR ') && Object.hasOwn(READINGS, words.slice(4));
}

/** The server's words for a message: bounded, and without what a terminal would act upon. */
export function shown(text: string): string {
  const plain = printable(text);
  return plain.length > 120 ? `${plain.slice(0, 120)}…` : plain;
}
