import { pause } from '../pause.ts';
import { createEndpoint, TransportError, type Answer, type Endpoint, type EndpointOptions } from './endpoint.ts';
import { errorFromAnswer, isClusterFilesystemHiccup, ProxmoxError } from './errors.ts';
import { parseUpid } from './upid.ts';
import { WireError } from './wire.ts';

export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Narrows whom a client asks and for how long. */
export interface CallScope {
  /** Nodes whose endpoints are not asked. */
  readonly avoid?: readonly string[];
  /** The only node whose endpoint is asked. */
  readonly via?: string;
  readonly signal?: AbortSignal;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The four verbs within one scope; each returns the `data` of the answer. */
export interface RawCalls {
  readonly signal: AbortSignal | undefined;
  get(path: string, params?: Params): Promise<unknown>;
  post(path: string, params?: Params): Promise<unknown>;
  put(path: string, params?: Params): Promise<unknown>;
  delete(path: string, params?: Params): Promise<unknown>;
  /** A GET whose data `decode` reads; a shape it does not know becomes a `ProxmoxError`. */
  read<T>(path: string, decode: (data: unknown) => T, params?: Params): Promise<T>;
  /** A POST whose data `decode` reads. */
  send<T>(path: string, decode: (data: unknown) => T, params?: Params): Promise<T>;
  /** A POST that answers with a UPID. */
  start(path: string, params?: Params): Promise<string>;
  /** A DELETE that answers with a UPID. */
  startDelete(path: string, params?: Params): Promise<string>;
  withSignal(signal: AbortSignal | undefined): RawCalls;
}

export interface FailoverOptions {
  readonly endpoints: readonly EndpointOptions[];
  readonly token: () => Promise<string>;
  readonly connectMs: number;
  readonly totalMs: number;
  readonly retryMs: number;
}

export interface Failover {
  scoped(scope: CallScope): RawCalls;
  close(): Promise<void>;
}

interface Request {
  readonly method: Method;
  readonly path: string;
  readonly params: Params;
}

export function createFailover(options: FailoverOptions): Failover {
  if (options.endpoints.length === 0) {
    throw new Error('No Proxmox endpoint is given. Name at least one node with host and port.');
  }
  const endpoints = options.endpoints.map((endpoint) => createEndpoint(endpoint, options));
  // The endpoint that answered last is asked first: one that is down costs its connect timeout once, not each call.
  let lastGood: Endpoint | undefined;

  async function call(request: Request, scope: CallScope): Promise<unknown> {
    const candidates = orderEndpoints(endpoints, aboutNode(request.path), scope, lastGood);
    if (candidates.length === 0) throw noEndpointError(request, scope);
    // With one endpoint a passing failure still gets a second try.
    const tries = Math.max(2, candidates.length);
    let failure: ProxmoxError | undefined;
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const endpoint = candidates[attempt % candidates.length];
      if (endpoint === undefined) break;
      if (attempt >= candidates.length) await pause(options.retryMs, scope.signal);
      const result = await tryOnce(endpoint, request, options.token, scope.signal);
      if (!(result instanceof Failure)) {
        lastGood = endpoint;
        return result.data;
      }
      failure = combined(failure, result.error);
      if (!result.mayAskAgain) throw result.error;
    }
    throw failure ?? noEndpointError(request, scope);
  }

  function scoped(scope: CallScope): RawCalls {
    const verb =
      (method: Method) =>
      (path: string, params: Params = {}): Promise<unknown> =>
        call({ method, path, params }, scope);
    const get = verb('GET');
    const post = verb('POST');
    const remove = verb('DELETE');
    return {
      signal: scope.signal,
      get,
      post,
      put: verb('PUT'),
      delete: remove,
      read: async (path, decode, params) => decoded('GET', path, decode, await get(path, params)),
      send: async (path, decode, params) => decoded('POST', path, decode, await post(path, params)),
      start: async (path, params) => asUpid('POST', path, await post(path, params)),
      startDelete: async (path, params) => asUpid('DELETE', path, await remove(path, params)),
      withSignal: (signal) => scoped(signal === undefined ? scope : { ...scope, signal }),
    };
  }
  return {
    scoped,
    close: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    },
  };
}

/** The node a path is about, which is asked last: it may be the one going down. */
function aboutNode(path: string): string | undefined {
  return /^\/nodes\/([^/]+)/.exec(path)?.[1];
}

function orderEndpoints(
  endpoints: readonly Endpoint[],
  about: string | undefined,
  scope: CallScope,
  lastGood: Endpoint | undefined,
): readonly Endpoint[] {
  if (scope.via !== undefined) return endpoints.filter((endpoint) => endpoint.node === scope.via);
  const rank = (endpoint: Endpoint): number => (endpoint.node === about ? 2 : endpoint === lastGood ? 0 : 1);
  return endpoints
    .filter((endpoint) => scope.avoid?.includes(endpoint.node) !== true)
    .sort((a, b) => rank(a) - rank(b));
}

class Failure {
  readonly error: ProxmoxError;
  readonly mayAskAgain: boolean;

  constructor(error: ProxmoxError, mayAskAgain: boolean) {
    this.error = error;
    this.mayAskAgain = mayAskAgain;
  }
}

async function tryOnce(
  endpoint: Endpoint,
  request: Request,
  token: () => Promise<string>,
  signal: AbortSignal | undefined,
): Promise<{ readonly data: unknown } | Failure> {
  const name = { method: request.method, path: request.path, endpoint: endpoint.label };
  try {
    const answer = await endpoint.send({ ...encode(request), headers: await headers(request, token, name), signal });
    if (answer.status >= 200 && answer.status < 300) return { data: parseData(name, answer) };
    return readFailure(name, answer);
  } catch (error) {
    if (error instanceof TransportError) return transportFailure(name, error);
    throw error;
  }
}

type CallName = { readonly method: Method; readonly path: string; readonly endpoint: string };

function readFailure(name: CallName, answer: Answer): Failure {
  const error = errorFromAnswer(name, answer);
  const { status } = answer;
  // 595: the proxying node could not connect to the target. 401: verified against pmxcfs, which may be restarting, and
  // refused before anything is done. Both mean "not executed", so even a write may be sent again.
  if (status === 595 || status === 401) return new Failure(error, true);
  const passing = error.outcome === 'retryable' && (status !== 500 || isClusterFilesystemHiccup(status, error.reason));
  return new Failure(error, name.method === 'GET' && passing);
}

function transportFailure(name: CallName, error: TransportError): Failure {
  const isRead = name.method === 'GET';
  const common = { ...name, reason: error.message, cause: error };
  if (error.kind === 'tls') {
    const remedy =
      'Nothing was sent. If the certificate was renewed on purpose, put the new fingerprint or CA into the configuration.';
    return new Failure(new ProxmoxError({ ...common, type: 'ProxmoxTls', outcome: 'refused', remedy }), true);
  }
  if (error.kind === 'too-large') {
    const remedy = 'Ask for less, or look at the node: no known call answers that much.';
    const outcome = isRead ? 'refused' : 'unknown';
    return new Failure(new ProxmoxError({ ...common, type: 'ProxmoxUnexpectedAnswer', outcome, remedy }), false);
  }
  if (!error.sent || isRead) {
    const remedy = 'Check that the node is up and pveproxy listens there, then try again.';
    return new Failure(new ProxmoxError({ ...common, type: 'ProxmoxUnreachable', outcome: 'retryable', remedy }), true);
  }
  const remedy = 'It may have taken effect: look for the task or the new state before trying again.';
  return new Failure(new ProxmoxError({ ...common, type: 'ProxmoxUnknownOutcome', outcome: 'unknown', remedy }), false);
}

/** If one endpoint may answer later, asking again can help; what another one refused is said as well. */
function combined(before: ProxmoxError | undefined, now: ProxmoxError): ProxmoxError {
  if (before === undefined || before.outcome === now.outcome) return now;
  const [passing, refused] = before.outcome === 'retryable' ? [before, now] : [now, before];
  const { type, outcome, status, errors, method, path, endpoint } = passing;
  const reason = `${passing.reason}; ${refused.endpoint}: ${refused.reason}`;
  const remedy = 'Check both; try again when a node answers.';
  return new ProxmoxError({ type, outcome, status, errors, method, path, endpoint, reason, remedy, cause: refused });
}

function noEndpointError(request: Request, scope: CallScope): ProxmoxError {
  const reason =
    scope.via === undefined
      ? `no endpoint is left to ask after avoiding ${scope.avoid?.join(', ') ?? 'none'}`
      : `node ${scope.via} has no endpoint`;
  const remedy = 'Give an endpoint for every node of the cluster in the configuration.';
  const { method, path } = request;
  return new ProxmoxError({
    type: 'ProxmoxUnreachable',
    outcome: 'refused',
    reason,
    remedy,
    method,
    path,
    endpoint: 'no endpoint',
  });
}

function encode(request: Request): { method: Method; target: string; body: string | undefined } {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(request.params)) {
    if (value === undefined) continue;
    for (const item of typeof value === 'object' ? value : [value]) form.append(key, wireValue(item));
  }
  const target = `/api2/json${request.path}`;
  const inBody = request.method === 'POST' || request.method === 'PUT';
  // GET and DELETE with a body are answered with 501.
  if (inBody) return { method: request.method, target, body: form.toString() };
  return { method: request.method, target: form.size === 0 ? target : `${target}?${form.toString()}`, body: undefined };
}

function wireValue(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

async function headers(
  request: Request,
  token: () => Promise<string>,
  name: CallName,
): Promise<Record<string, string>> {
  const value = (await token()).trim();
  if (!/^[^\s@!]+@[^\s@!]+![^\s=]+=[\w.-]+$/.test(value)) {
    const reason = 'the API token is not of the form user@realm!id=uuid';
    const remedy = 'Nothing was sent. Correct the token file or environment variable.';
    throw new ProxmoxError({ ...name, type: 'ProxmoxUnauthorized', outcome: 'refused', reason, remedy });
  }
  const form = request.method === 'POST' || request.method === 'PUT';
  return {
    accept: 'application/json',
    authorization: `PVEAPIToken=${value}`,
    ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
  };
}

function parseData(name: CallName, answer: Answer): unknown {
  try {
    const parsed = JSON.parse(answer.body) as { data?: unknown };
    return parsed.data;
  } catch (error) {
    throw unexpectedAnswer(name, `the answer is no JSON (${answer.body.length} characters)`, error);
  }
}

function decoded<T>(method: Method, path: string, decode: (data: unknown) => T, data: unknown): T {
  try {
    return decode(data);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw unexpectedAnswer({ method, path, endpoint: 'the cluster' }, error.message, error);
  }
}

function asUpid(method: Method, path: string, data: unknown): string {
  if (typeof data === 'string' && parseUpid(data) !== undefined) return data;
  throw unexpectedAnswer({ method, path, endpoint: 'the cluster' }, 'the answer is no task id', undefined);
}

function unexpectedAnswer(name: CallName, reason: string, cause: unknown): ProxmoxError {
  const outcome = name.method === 'GET' ? 'retryable' : 'unknown';
  const remedy = 'Check that the endpoint is a Proxmox VE node and not another server or a proxy in between.';
  return new ProxmoxError({ ...name, type: 'ProxmoxUnexpectedAnswer', outcome, reason, remedy, cause });
}
