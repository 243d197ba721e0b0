import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { PveError } from '../cluster/errors.ts';
import { Page } from './route.ts';

const CONTENT_TYPE = 'application/json;charset=UTF-8';
const MAX_BODY = 512 * 1024;
const GZIP_FROM = 1024;

/** Pseudo statuses of AnyEvent::HTTP that pveproxy passes on: nothing but a reason phrase. */
export const UNREACHABLE = 595;
export const BROKEN_OFF = 596;

/** A request as read off the wire. */
export interface ParsedRequest {
  readonly method: string;
  readonly format: 'json' | 'extjs';
  /** Below `/api2/{format}`, decoded nowhere yet: `/nodes/pve1/tasks/UPID%3A…/status`. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Reads and understands a request. @throws PveError 501, 506 or 400 */
export async function parseRequest(request: IncomingMessage): Promise<ParsedRequest> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'https://localhost');
  if (!['GET', 'POST', 'PUT', 'DELETE'].includes(method)) throw new PveError(501, `method '${method}' not available`);
  const match = /^\/api2\/(json|extjs)(\/.*)?$/.exec(url.pathname);
  if (!match) throw new PveError(501, `no such file '${url.pathname}'`);
  const path = (match[2] ?? '/').replace(/\/+$/, '') || '/';
  const length = Number(request.headers['content-length'] ?? 0);
  if (request.headers['transfer-encoding'] !== undefined)
    throw new PveError(501, 'chunked transfer encoding not supported');
  if (method === 'GET' || method === 'DELETE') {
    if (length > 0) throw new PveError(501, `Unexpected content for method '${method}'`);
    return { method, format: format(match[1]), path, parameters: fromQuery(url.searchParams) };
  }
  if (length > MAX_BODY) throw new PveError(501, 'for data too large');
  const body = await readBody(request);
  const parameters = { ...fromQuery(url.searchParams), ...fromBody(request.headers['content-type'], body) };
  return { method, format: format(match[1]), path, parameters };
}

function format(name: string | undefined): 'json' | 'extjs' {
  return name === 'extjs' ? 'extjs' : 'json';
}

function fromQuery(query: URLSearchParams): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key);
    parameters[key] = values.length > 1 ? values : values[0];
  }
  return parameters;
}

function fromBody(type: string | undefined, body: string): Record<string, unknown> {
  if (body === '') return {};
  const media = type?.split(';')[0]?.trim();
  if (media === 'application/x-www-form-urlencoded') return fromQuery(new URLSearchParams(body));
  if (media !== 'application/json') throw new PveError(506, `unable to handle content type '${media ?? ''}'`);
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    throw new PveError(400, 'malformed JSON string');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Sends data the way pveproxy formats it. Returns the body's `data` for those who check it. */
export function sendData(
  request: IncomingMessage,
  response: ServerResponse,
  format: 'json' | 'extjs',
  result: unknown,
): void {
  const paged = result instanceof Page;
  const data = (paged ? result.data : result) ?? null;
  const body = {
    data,
    ...(paged ? { total: result.total } : {}),
    ...(format === 'extjs' ? { success: 1 } : {}),
  };
  send(request, response, 200, 'OK', JSON.stringify(body));
}

/** Sends an error: reason phrase first, JSON second; pseudo statuses and a missing ticket without any body. */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  format: 'json' | 'extjs',
  error: PveError,
): void {
  const reason = reasonPhrase(error.message);
  if (error.status >= UNREACHABLE || (error.status === 401 && error.message === 'No ticket')) {
    return send(request, response, error.status, reason, '');
  }
  const errors = error.errors ? { errors: error.errors } : {};
  if (format === 'extjs') {
    const body = { success: 0, status: error.status, message: `${error.message}\n`, data: null, ...errors };
    return send(request, response, 200, 'OK', JSON.stringify(body));
  }
  send(
    request,
    response,
    error.status,
    reason,
    JSON.stringify({ data: null, message: `${error.message}\n`, ...errors }),
  );
}

/** A reason phrase is one line of visible Latin-1. */
function reasonPhrase(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

function send(request: IncomingMessage, response: ServerResponse, status: number, reason: string, body: string): void {
  if (response.destroyed || response.writableEnded) return;
  const zip = body.length > GZIP_FROM && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const payload = zip ? gzipSync(body) : Buffer.from(body);
  response.shouldKeepAlive &&= status < 400;
  response.writeHead(status, reason, {
    Server: 'pve-api-daemon/3.0',
    'Cache-Control': 'max-age=0',
    Pragma: 'no-cache',
    Expires: new Date().toUTCString(),
    ...(body === '' ? {} : { 'Content-Type': CONTENT_TYPE }),
    ...(zip ? { 'Content-Encoding': 'gzip' } : {}),
    ...(status >= 400 ? { Connection: 'close' } : {}),
    'Content-Length': String(payload.length),
  });
  response.end(payload);
}
