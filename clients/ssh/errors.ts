export type SshErrorType =
  | 'SshUnreachable'
  | 'SshHostKeyUnknown'
  | 'SshHostKeyChanged'
  | 'SshAuthentication'
  | 'SshTimeout'
  | 'SshConnectionLost';

/**
 * - `refused`: asking again the same way cannot help.
 * - `retryable`: nothing was run; the host may answer later.
 * - `unknown`: the command was sent and may have run, wholly or in part, or may still be running.
 */
export type SshOutcome = 'refused' | 'retryable' | 'unknown';

/** Every failure of SSH itself; a command that ends with a code other than 0 is a result, not an error. */
export class SshError extends Error {
  override readonly name = 'SshError';
  readonly type: SshErrorType;
  readonly outcome: SshOutcome;
  /** `root@host:port` */
  readonly host: string;

  constructor(type: SshErrorType, outcome: SshOutcome, host: string, message: string, cause?: unknown) {
    super(`SSH to ${host}: ${message}`, cause === undefined ? undefined : { cause });
    this.type = type;
    this.outcome = outcome;
    this.host = host;
  }
}
