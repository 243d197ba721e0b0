export type GuestShellErrorType =
  'GuestShellRefused' | 'GuestShellUnreachable' | 'GuestShellTimeout' | 'GuestShellLost';

/**
 * - `refused`: asking again the same way cannot help.
 * - `retryable`: nothing was run; the guest may answer later.
 * - `unknown`: the command was begun and may have run, wholly or in part, or may still be running.
 */
export type GuestShellOutcome = 'refused' | 'retryable' | 'unknown';

/** A command that could not be run in a guest, or whose end nobody was told. */
export class GuestShellError extends Error {
  override readonly name = 'GuestShellError';
  readonly type: GuestShellErrorType;
  readonly outcome: GuestShellOutcome;
  /** `container 101 (pct exec)` */
  readonly host: string;

  constructor(type: GuestShellErrorType, outcome: GuestShellOutcome, host: string, message: string, cause?: unknown) {
    super(`${host}: ${message}`, cause === undefined ? undefined : { cause });
    this.type = type;
    this.outcome = outcome;
    this.host = host;
  }
}
