import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cluster } from '../cluster/cluster.ts';
import { dieError, PveError } from '../cluster/errors.ts';
import type { ClusterNode } from '../cluster/node.ts';
import type { FaultVerdict } from '../core/faults.ts';
import type { AccessControl, Identity } from './access.ts';
import { userName } from './access.ts';
import type { Parameters } from './parameters.ts';
import { text, verifyParameters } from './parameters.ts';
import { assertPermission, Page } from './route.ts';
import type { Call, Route } from './route.ts';
import { ROUTES } from './routes/index.ts';
import type { SchemaCheck } from './schema-check.ts';
import { BROKEN_OFF, parseRequest, sendData, sendError, UNREACHABLE } from './wire.ts';
import type { ParsedRequest } from './wire.ts';

/** Virtual milliseconds: how long every 401 is held back, and how long a node waits for another. */
const UNAUTHORIZED_DELAY_MS = 3_000;
const PROXY_TIMEOUT_MS = 30_000;
/** How long the network takes to find out that nobody is at an address. */
const NO_ROUTE_MS = 3_000;

const HEADER_PHASE = 'Errors during TLS negotiation, request sending and header processing';
const CONNECT_PHASE = 'Errors during connection establishment, proxy handshake';

/** The connection is cut without an answer. */
class Dropped extends Error {}

/** Everything an API server of the lab needs. */
export interface ApiContext {
  readonly cluster: Cluster;
  readonly access: AccessControl;
  readonly fingerprints: ReadonlyMap<string, string>;
  readonly schema: SchemaCheck | undefined;
}

interface Matched {
  readonly route: Route;
  readonly raw: Readonly<Record<string, unknown>>;
}

const NOBODY: Identity = { user: 'nobody', token: undefined };

/** Answers one request that arrived at `receiver`. Never throws. */
export async function handleRequest(
  api: ApiContext,
  receiver: ClusterNode,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let parsed: ParsedRequest | undefined;
  let identity = NOBODY;
  const finish = (status: number, reason?: string) => logRequest(api, receiver, parsed, identity, status, reason);
  try {
    parsed = await parseRequest(request);
    await meetFault(api, receiver, parsed, 'before');
    const matched = match(parsed);
    identity = identify(api, receiver, request, parsed, matched.route);
    const result = await route(api, receiver, identity, matched, parsed);
    await meetFault(api, receiver, parsed, 'after');
    finish(200);
    sendData(request, response, parsed.format, result);
  } catch (error) {
    if (error instanceof Dropped) return void request.socket.destroy();
    if (error instanceof Untrue) return sendData(request, response, parsed?.format ?? 'json', error.data);
    const answer = error instanceof PveError ? error : dieError(error instanceof Error ? error.message : String(error));
    finish(answer.status, answer.message);
    if (answer.status === 401) await api.cluster.clock.sleep(UNAUTHORIZED_DELAY_MS);
    sendError(request, response, parsed?.format ?? 'json', answer);
  }
}

/** A fault's answer instead of the true one. */
class Untrue extends Error {
  readonly data: unknown;

  constructor(data: unknown) {
    super('lie');
    this.data = data;
  }
}

function identify(
  api: ApiContext,
  receiver: ClusterNode,
  request: IncomingMessage,
  parsed: ParsedRequest,
  route: Route,
): Identity {
  if (route.permission === 'world') return NOBODY;
  // Users and tokens are files in pmxcfs: while it restarts a good token is not found and a good ticket not checked.
  if (!receiver.pmxcfs) {
    throw request.headers.authorization === undefined
      ? dieError('ipcc_send_rec[1] failed: Connection refused')
      : new PveError(401, 'Authentication failed!');
  }
  const { authorization, cookie, csrfpreventiontoken: csrf } = request.headers;
  return api.access.identify(
    {
      ...(authorization === undefined ? {} : { authorization }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(typeof csrf === 'string' ? { csrf } : {}),
    },
    parsed.method !== 'GET',
  );
}

/** Parameters and permissions are checked where the request arrives, then it goes to the node it names. */
async function route(
  api: ApiContext,
  receiver: ClusterNode,
  identity: Identity,
  matched: Matched,
  parsed: ParsedRequest,
): Promise<unknown> {
  const parameters = verifyParameters(matched.route.parameters, matched.raw);
  const call = { ...api, node: receiver, identity, parameters };
  checkPermission(call, matched.route);
  api.schema?.request(matched.route, parameters);
  const target = matched.route.proxied === false ? receiver : targetOf(api.cluster, receiver, parameters);
  const result =
    target === receiver
      ? await matched.route.run(call)
      : await forward(api, target, parsed, () => matched.route.run({ ...call, node: target }));
  api.schema?.response(matched.route, result instanceof Page ? result.data : result);
  return result;
}

function checkPermission(call: Call, { permission }: Route): void {
  if (permission === 'world' || permission === 'user') return;
  const path = permission.path.replace(/\{(\w+)\}/g, (_, name: string) => text(call.parameters, name));
  assertPermission(call, path, permission.privileges, permission.any);
}

function targetOf(cluster: Cluster, receiver: ClusterNode, parameters: Parameters): ClusterNode {
  if (parameters['node'] === undefined || parameters['sid'] !== undefined) return receiver;
  const name = text(parameters, 'node');
  if (name === 'localhost') return receiver;
  const target = cluster.nodes.get(name);
  if (target) return target;
  throw dieError(
    `hostname lookup '${name}' failed - failed to get address info for: ${name}: Name or service not known`,
  );
}

/** Hands a call to another node's pveproxy over the modeled network. */
async function forward(
  api: ApiContext,
  target: ClusterNode,
  parsed: ParsedRequest,
  run: () => unknown,
): Promise<unknown> {
  const { clock } = api.cluster;
  if (target.machine.power === 'off' || target.machine.power === 'booting') {
    await clock.sleep(NO_ROUTE_MS);
    throw new PveError(UNREACHABLE, `${CONNECT_PHASE}: No route to host`);
  }
  if (!target.apiUp) throw new PveError(UNREACHABLE, `${CONNECT_PHASE}: Connection refused`);
  const giveUp = new AbortController();
  const died = new Promise<never>((_, reject) => {
    const broken = () => reject(new PveError(BROKEN_OFF, `${HEADER_PHASE}: Broken pipe`));
    target.life.signal.addEventListener('abort', broken, { once: true, signal: giveUp.signal });
  });
  const timedOut = clock.sleep(PROXY_TIMEOUT_MS, giveUp.signal).then(() => {
    throw new PveError(BROKEN_OFF, `${HEADER_PHASE}: Connection timed out`);
  });
  timedOut.catch(() => undefined);
  died.catch(() => undefined);
  try {
    return await Promise.race([atSecondHop(api, target, parsed, run), timedOut, died]);
  } catch (error) {
    if (error instanceof Dropped) throw new PveError(BROKEN_OFF, `${HEADER_PHASE}: Connection reset by peer`);
    throw error;
  } finally {
    giveUp.abort(new Error('answered'));
  }
}

async function atSecondHop(
  api: ApiContext,
  target: ClusterNode,
  parsed: ParsedRequest,
  run: () => unknown,
): Promise<unknown> {
  await meetFault(api, target, parsed, 'before');
  const result = await run();
  await meetFault(api, target, parsed, 'after');
  return result;
}

async function meetFault(
  api: ApiContext,
  receiver: ClusterNode,
  parsed: ParsedRequest,
  phase: 'before' | 'after',
): Promise<void> {
  const { clock, faults } = api.cluster;
  const { method, parameters: params } = parsed;
  const path = decodeURIComponent(parsed.path);
  const verdict: FaultVerdict | undefined = faults.consult({
    at: 'api',
    phase,
    receiver: receiver.name,
    method,
    path,
    params,
  });
  switch (verdict?.do) {
    case 'delay':
      return clock.sleep(verdict.ms);
    case 'drop':
      throw new Dropped();
    case 'error':
      throw new PveError(verdict.status ?? 500, verdict.reason);
    case 'die':
      receiver.machine.powerCut('fault');
      throw new Dropped();
    case 'lie':
      throw new Untrue(verdict.body);
    case 'cut':
    case undefined:
  }
}

const PATTERNS = ROUTES.map((entry) => ({
  entry,
  pattern: new RegExp(`^${entry.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

/** @throws PveError 501 `Method 'GET /foo' not implemented` */
function match(parsed: ParsedRequest): Matched {
  for (const { entry, pattern } of PATTERNS) {
    if (entry.method !== parsed.method) continue;
    const found = pattern.exec(parsed.path);
    if (!found) continue;
    const fromPath: Record<string, string> = {};
    for (const [name, value] of Object.entries(found.groups ?? {})) fromPath[name] = decodeURIComponent(value);
    return { route: entry, raw: { ...parsed.parameters, ...fromPath } };
  }
  throw new PveError(501, `Method '${parsed.method} ${decodeURIComponent(parsed.path)}' not implemented`);
}

function logRequest(
  api: ApiContext,
  receiver: ClusterNode,
  parsed: ParsedRequest | undefined,
  identity: Identity,
  status: number,
  reason?: string,
): void {
  const shown = Object.fromEntries(Object.entries(parsed?.parameters ?? {}).filter(([name]) => name !== 'password'));
  api.cluster.log.record(`api:${userName(identity)}`, 'api.request', receiver.subject, {
    method: parsed?.method,
    path: parsed?.path,
    parameters: shown,
    status,
    ...(reason === undefined ? {} : { reason }),
  });
}
