export type WakeErrorType =
  | 'BmcProgramMissing'
  | 'BmcUnreachable'
  | 'BmcTimeout'
  | 'BmcBusy'
  | 'BmcAuthentication'
  | 'BmcPrivilege'
  | 'BmcCipherSuite'
  | 'BmcRefused'
  | 'BmcNoAnswer'
  | 'BmcUnexpectedAnswer'
  | 'WakeArgument'
  | 'WakeNotSent';

/**
 * - `refused`: asking again the same way cannot help.
 * - `retryable`: nothing was changed, and the answer may be another one later.
 * - `unknown`: the command was sent and may have been carried out; read the state before trying again.
 */
export type WakeOutcome = 'refused' | 'retryable' | 'unknown';

/** Every failure to turn a machine on, or to ask whether it is. The message says what to do; it never holds a secret. */
export class WakeError extends Error {
  override readonly name = 'WakeError';
  readonly type: WakeErrorType;
  readonly outcome: WakeOutcome;
  /** What was asked: `BMC 192.168.1.9`, `magic packet to 02:…`. */
  readonly target: string;

  constructor(target: string, type: WakeErrorType, outcome: WakeOutcome, message: string, cause?: unknown) {
    super(`${target}: ${message}`, cause === undefined ? undefined : { cause });
    this.type = type;
    this.outcome = outcome;
    this.target = target;
  }
}
