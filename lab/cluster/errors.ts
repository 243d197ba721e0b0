/** An error as the Proxmox VE API puts it: an HTTP status whose reason phrase is the message. */
export class PveError extends Error {
  readonly status: number;
  /** Per parameter, with status 400. */
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, errors?: Record<string, string>) {
    super(message);
    this.name = 'PveError';
    this.status = status;
    this.errors = errors;
  }
}

/** What a plain `die` in Proxmox's Perl becomes: status 500. */
export function dieError(message: string): PveError {
  return new PveError(500, message);
}

/** Status 400 with one message a parameter. */
export function parameterError(errors: Record<string, string>): PveError {
  return new PveError(400, 'Parameter verification failed.', errors);
}

/** The reason phrase pmxcfs' read-only state gives every write without quorum. */
export const NO_QUORUM = 'cluster not ready - no quorum?';
