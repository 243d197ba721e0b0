export type SmtpErrorType = 'SmtpUnreachable' | 'SmtpTls' | 'SmtpAuthentication' | 'SmtpDeferred' | 'SmtpRefused';

/**
 * - `refused`: the server said no for good (a reply of 5xx); the same mail would be refused again.
 * - `retryable`: the server did not answer, or put the mail off (a reply of 4xx). A connection that broke after the text
 *   was sent counts as such, too: the server may have taken it, which is why a mail keeps its Message-ID.
 */
export type SmtpOutcome = 'refused' | 'retryable';

/** Every failure to hand a mail over. The message says what happened and what to do; it never holds a secret. */
export class SmtpError extends Error {
  override readonly name = 'SmtpError';
  readonly type: SmtpErrorType;
  readonly outcome: SmtpOutcome;
  /** `host:port` */
  readonly server: string;

  constructor(type: SmtpErrorType, outcome: SmtpOutcome, server: string, message: string, cause?: unknown) {
    super(`mail server ${server}: ${message}`, cause === undefined ? undefined : { cause });
    this.type = type;
    this.outcome = outcome;
    this.server = server;
  }
}
