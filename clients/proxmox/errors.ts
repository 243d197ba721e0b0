/**
 * What a failed call means for the caller:
 * - `refused`: the cluster understood and said no (or cannot be trusted); asking again the same way cannot help.
 * - `retryable`: nothing was changed and the world may be different soon (node down, lock held, no quorum).
 * - `unknown`: the call may have taken effect; read the state before trying again.
 */
export type Outcome = 'refused' | 'retryable' | 'unknown';

export type ProxmoxErrorType =
  | 'ProxmoxUnreachable'
  | 'ProxmoxUnauthorized'
  | 'ProxmoxForbidden'
  | 'ProxmoxParameters'
  | 'ProxmoxRefused'
  | 'ProxmoxBusy'
  | 'ProxmoxNotImplemented'
  | 'ProxmoxUnexpectedAnswer'
  | 'ProxmoxUnknownOutcome'
  | 'ProxmoxTls';

export interface ProxmoxErrorDetails {
  readonly type: ProxmoxErrorType;
  readonly outcome: Outcome;
  /** HTTP status; 595–599 are pseudo-statuses of a proxying node. */
  readonly status?: number | undefined;
  /** The server's own words: `message` of the body, or the reason phrase where the body has none (before 5.2.0). */
  readonly reason: string;
  /** Parameter errors by field, from status 400. */
  readonly errors?: Readonly<Record<string, string>> | undefined;
  readonly method: string;
  readonly path: string;
  /** Name of the endpoint that answered, or the last one tried. */
  readonly endpoint: string;
  readonly remedy: string;
  readonly cause?: unknown;
}

/** Every failure of a Proxmox call. The message says what happened and what to do; it never holds a secret. */
export class ProxmoxError extends Error {
  override readonly name = 'ProxmoxError';
  readonly type: ProxmoxErrorType;
  readonly outcome: Outcome;
  readonly status: number | undefined;
  readonly reason: string;
  readonly errors: Readonly<Record<string, string>> | undefined;
  readonly method: string;
  readonly path: string;
  readonly endpoint: string;

  constructor(details: ProxmoxErrorDetails) {
    super(describe(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.type = details.type;
    this.outcome = details.outcome;
    this.status = details.status;
    this.reason = details.reason;
    this.errors = details.errors;
    this.method = details.method;
    this.path = details.path;
    this.endpoint = details.endpoint;
  }
}

function describe(details: ProxmoxErrorDetails): string {
  const status = details.status === undefined ? '' : ` ${details.status}`;
  const fields = Object.entries(details.errors ?? {}).map(([field, text]) => `${field}: ${text.trim()}`);
  const parameters = fields.length === 0 ? '' : ` (${fields.join('; ')})`;
  return `${details.method} ${details.path} at ${details.endpoint} failed:${status} ${details.reason}${parameters}. ${details.remedy}`;
}

/** One call as the error texts name it. */
export interface CallName {
  readonly method: string;
  readonly path: string;
  readonly endpoint: string;
}

/** What an endpoint answered with a status other than 2xx. */
export interface FailedAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly body: string;
}

/**
 * Reads a failed answer. Statuses 595 (no connection to the target node: not executed), 596 (connection lost or timed
 * out after it was made: may be executed) and 597–599 come from the node that proxied the call and have an empty body.
 */
export function errorFromAnswer(call: CallName, answer: FailedAnswer): ProxmoxError {
  const body = parseErrorBody(answer.body);
  const reason = body.message ?? (answer.statusText.trim() || `status ${answer.status} without a reason`);
  const reading = readFailure(call.method === 'GET', answer.status, reason);
  return new ProxmoxError({ ...call, ...reading, status: answer.status, reason, errors: body.errors });
}

type Reading = Pick<ProxmoxErrorDetails, 'type' | 'outcome' | 'remedy'>;

const lookFirst = 'It may have taken effect: look for the task or the new state before trying again.';

function readFailure(isRead: boolean, status: number, reason: string): Reading {
  if (status === 400) {
    const remedy = 'Correct the parameters; another Proxmox VE version may know other ones.';
    return { type: 'ProxmoxParameters', outcome: 'refused', remedy };
  }
  if (status === 401) {
    const remedy =
      'Check the API token (user@realm!id=uuid, not expired). During an upgrade of the node this can pass by itself.';
    return { type: 'ProxmoxUnauthorized', outcome: 'refused', remedy };
  }
  if (status === 403) {
    const remedy = "Grant the privilege named to the token and, with privilege separation, to the token's user too.";
    return { type: 'ProxmoxForbidden', outcome: 'refused', remedy };
  }
  if (status === 501) {
    const remedy = 'This Proxmox VE version does not offer the call; see which version introduced it.';
    return { type: 'ProxmoxNotImplemented', outcome: 'refused', remedy };
  }
  if (status === 595) {
    const remedy = 'The node is down or its API is; it was not executed. Try again when the node is up.';
    return { type: 'ProxmoxUnreachable', outcome: 'retryable', remedy };
  }
  if (status === 502 || status === 504 || (status >= 596 && status <= 599)) {
    if (!isRead) return { type: 'ProxmoxUnknownOutcome', outcome: 'unknown', remedy: lookFirst };
    return { type: 'ProxmoxUnreachable', outcome: 'retryable', remedy: 'Try again when the node answers.' };
  }
  if (status === 503) {
    return { type: 'ProxmoxUnreachable', outcome: 'retryable', remedy: 'Try again when the node answers.' };
  }
  if (isClusterFilesystemHiccup(status, reason)) {
    if (!isRead) return { type: 'ProxmoxUnknownOutcome', outcome: 'unknown', remedy: lookFirst };
    return { type: 'ProxmoxBusy', outcome: 'retryable', remedy: 'pve-cluster is restarting; try again shortly.' };
  }
  if (isBusy(reason)) {
    const remedy = 'Try again when the lock is released or quorum is back.';
    return { type: 'ProxmoxBusy', outcome: 'retryable', remedy };
  }
  return { type: 'ProxmoxRefused', outcome: 'refused', remedy: 'Resolve what the node says, then try again.' };
}

/** While pve-cluster restarts, calls die of a broken connection to pmxcfs, before or after what they were to do. */
export function isClusterFilesystemHiccup(status: number, reason: string): boolean {
  return status === 500 && /ipcc_send_rec|Connection refused|Transport endpoint is not connected/i.test(reason);
}

/** True for a call about a guest that is no longer on the node it was asked of: it has moved or was deleted. */
export function isGuestGone(error: unknown): boolean {
  return (
    error instanceof ProxmoxError && error.status === 500 && /Configuration file .* does not exist/.test(error.reason)
  );
}

function isBusy(reason: string): boolean {
  return /no quorum|is locked|got timeout|got lock request timeout|CT is locked|unable to acquire lock/i.test(reason);
}

interface ErrorBody {
  readonly message?: string;
  readonly errors?: Readonly<Record<string, string>>;
}

function parseErrorBody(body: string): ErrorBody {
  const parsed = parseJson(body);
  if (typeof parsed !== 'object' || parsed === null) return {};
  const { message, errors } = parsed as { message?: unknown; errors?: unknown };
  return {
    ...(typeof message === 'string' && message.trim() !== '' ? { message: message.trim() } : {}),
    ...(typeof errors === 'object' && errors !== null ? { errors: textFields(errors) } : {}),
  };
}

function textFields(errors: object): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).map(([field, text]) => [field, String(text)]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
