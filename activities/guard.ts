import { activityInfo, ApplicationFailure, Context, heartbeat } from '@temporalio/activity';
import { ErrorType } from '../domain/errors.ts';

const lastDetails = new WeakMap<Context, unknown>();

/** Tells Temporal, and whoever looks at the UI, how far the activity is. A later attempt finds it again. */
export function report(details: unknown): void {
  lastDetails.set(Context.current(), details);
  heartbeat(details);
}

type Activity = (...args: never[]) => Promise<unknown>;

/**
 * Wraps activities: each heartbeats by itself, so that a dead worker is noticed soon and a cancellation arrives, and its
 * errors become failures that say whether trying again can help.
 */
export function guardAll<Table extends Record<string, Activity>>(activities: Table): Table {
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, guarded(activity)])) as Table;
}

function guarded(activity: Activity): Activity {
  return async (...args) => {
    const stop = heartbeatUntilDone();
    try {
      return await activity(...args);
    } catch (error) {
      throw toFailure(error);
    } finally {
      stop();
    }
  };
}

function heartbeatUntilDone(): () => void {
  const context = Context.current();
  const { heartbeatTimeoutMs } = activityInfo();
  const heartbeatDetails: unknown = activityInfo().heartbeatDetails;
  // Before its first own report, an attempt keeps what the last one left.
  lastDetails.set(context, heartbeatDetails);
  context.heartbeat(heartbeatDetails);
  if (heartbeatTimeoutMs === undefined || heartbeatTimeoutMs === 0) return () => undefined;
  const timer = setInterval(() => context.heartbeat(lastDetails.get(context)), heartbeatTimeoutMs / 4);
  return () => clearInterval(timer);
}

/** `outcome` of our clients' errors: `refused` is final; `retryable` and `unknown` are for another look. */
interface ClientError extends Error {
  readonly outcome: 'refused' | 'retryable' | 'unknown';
  readonly type?: unknown;
  readonly status?: unknown;
}

/** What was looked at gave no clear answer; another look may. */
export class NoClearAnswer extends Error {
  override readonly name = 'NoClearAnswer';
  readonly outcome = 'retryable';
}

/**
 * Token and `authorized_keys` are files in pmxcfs (`/etc/pve`): a node that boots, or that upgrades pve-cluster, refuses
 * good ones until it is mounted. Refused for longer than this, outside of a wait, they are wrong.
 */
const CREDENTIAL_TOLERANCE_MS = 60_000;

function isCredentialRefusal(error: ClientError): boolean {
  return error.type === 'SshAuthentication' || (error.type === 'ProxmoxUnauthorized' && error.status === 401);
}

const TRUST_ERRORS: ReadonlySet<unknown> = new Set([
  'ProxmoxTls',
  'SshHostKeyUnknown',
  'SshHostKeyChanged',
  'NutCertificate',
]);

/** True when the other side is not the one we know: nothing may be taken from it, and waiting is no remedy. */
export function isTrustError(error: unknown): boolean {
  return isClientError(error) && error.outcome === 'refused' && TRUST_ERRORS.has(error.type);
}

export function isClientError(error: unknown): error is ClientError {
  return error instanceof Error && 'outcome' in error && typeof error.outcome === 'string';
}

/** True when the same question may get another answer later. */
export function isPassing(error: unknown): boolean {
  return isClientError(error) && (error.outcome !== 'refused' || isCredentialRefusal(error));
}

function toFailure(error: unknown): unknown {
  if (error instanceof Error && error.name === 'InputError') {
    return ApplicationFailure.nonRetryable(error.message, ErrorType.InvalidInput);
  }
  if (!isClientError(error)) return error;
  const tooLong = Date.now() - activityInfo().scheduledTimestampMs >= CREDENTIAL_TOLERANCE_MS;
  const final = isCredentialRefusal(error) ? tooLong : !isPassing(error);
  return ApplicationFailure.create({
    type: final ? ErrorType.RemoteRefused : ErrorType.RemoteUnavailable,
    message: error.message,
    nonRetryable: final,
    cause: error,
  });
}
