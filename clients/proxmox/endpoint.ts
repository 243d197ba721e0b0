import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';

/** How an endpoint proves who it is: exactly one of the cluster's CA or the certificate's SHA-256 fingerprint. */
export type EndpointTls = { readonly fingerprint: string } | { readonly caFile: string } | { readonly ca: string };

export interface EndpointOptions {
  readonly node: string;
  readonly host: string;
  readonly port?: number;
  readonly tls: EndpointTls;
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly body: string;
}

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With query, below the host. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Why no answer came. `sent` is false only if certainly no byte of the request left. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly kind: 'connect' | 'tls' | 'timeout' | 'lost' | 'too-large';
  readonly sent: boolean;

  constructor(kind: TransportError['kind'], sent: boolean, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.sent = sent;
  }
}

export interface Endpoint {
  readonly node: string;
  /** `pve1 (192.0.2.1:8006)`, as error texts name it. */
  readonly label: string;
  send(call: HttpCall): Promise<Answer>;
  close(): Promise<void>;
}

const maxBodyBytes = 32 * 1024 * 1024;

export function createEndpoint(options: EndpointOptions, limits: { connectMs: number; totalMs: number }): Endpoint {
  const port = options.port ?? 8006;
  const label = `${options.node} (${options.host}:${port})`;
  const connect = createConnector(options, label, limits.connectMs);
  const origin = `https://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`;
  const reads = new Agent({ connect });
  // A node closes idle connections when pveproxy reloads. A write on a connection being closed would leave its outcome
  // unknown, so each write gets a fresh one (pipelining 0 turns keep-alive off).
  const writes = new Agent({ connect, pipelining: 0 });
  return {
    node: options.node,
    label,
    send: (call) => send(call.method === 'GET' ? reads : writes, origin, call, limits.totalMs),
    close: async () => {
      await Promise.all([reads.destroy(), writes.destroy()]);
    },
  };
}

/** Verifies the certificate before undici may write the request, and with it the token. */
function createConnector(options: EndpointOptions, label: string, timeout: number): buildConnector.connector {
  const tls = options.tls as { fingerprint?: string; caFile?: string; ca?: string };
  if (tls.fingerprint !== undefined) return createPinnedConnector(tls.fingerprint, label, timeout);
  const ca = tls.ca ?? (tls.caFile === undefined ? undefined : readCa(tls.caFile, label));
  if (ca === undefined || ca.trim() === '') {
    throw new Error(
      `Proxmox endpoint ${label} has neither a CA nor a fingerprint. Give 'caFile' (the cluster's ` +
        `/etc/pve/pve-root-ca.pem) or 'fingerprint' (SHA-256, shown by 'pvenode cert info').`,
    );
  }
  return guarded(buildConnector({ ca, timeout }), label);
}

function createPinnedConnector(given: string, label: string, timeout: number): buildConnector.connector {
  const expected = normalizeFingerprint(given);
  if (expected === undefined) {
    throw new Error(
      `The fingerprint of Proxmox endpoint ${label} is no SHA-256 fingerprint. Give 32 bytes in hexadecimal, ` +
        `as 'pvenode cert info' prints them.`,
    );
  }
  // Chain verification is replaced, not dropped: the certificate itself must be the pinned one. Sessions are not
  // resumed, so that every connection shows its certificate.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0, timeout });
  return guarded((connectOptions, callback) => {
    connect(connectOptions, (error, socket) => {
      if (error !== null) return callback(error, null);
      const shown = normalizeFingerprint((socket as TLSSocket).getPeerCertificate().fingerprint256 ?? '');
      if (shown === expected) return callback(null, socket);
      socket.destroy();
      callback(fingerprintError(label, expected, shown), null);
    });
  }, label);
}

function fingerprintError(label: string, expected: string, shown: string | undefined): TransportError {
  const text =
    `${label} shows the certificate ${shown === undefined ? 'none' : withColons(shown)} instead of the pinned ` +
    `${withColons(expected)}`;
  return new TransportError('tls', false, text);
}

/** Marks every failure before the connection is ready as one that sent nothing. */
function guarded(connect: buildConnector.connector, label: string): buildConnector.connector {
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error === null) return callback(null, socket);
      callback(error instanceof TransportError ? error : connectError(error, label), null);
    });
  };
}

function connectError(error: Error & { code?: string }, label: string): TransportError {
  const code = error.code ?? '';
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/.test(code);
  return new TransportError(isTls ? 'tls' : 'connect', false, `${label}: ${error.message}`, error);
}

function readCa(file: string, label: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`The CA file of Proxmox endpoint ${label} cannot be read: ${String(error)}. Correct 'caFile'.`, {
      cause: error,
    });
  }
}

/** 64 lower-case hexadecimal digits, or undefined. */
function normalizeFingerprint(given: string): string | undefined {
  const digits = given
    .replace(/^sha-?256[:\s]/i, '')
    .replaceAll(/[:\s]/g, '')
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
}

function withColons(digits: string): string {
  return (digits.match(/../g) ?? []).join(':').toUpperCase();
}

function send(agent: Agent, origin: string, call: HttpCall, totalMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exchange = createExchange(resolve, reject);
    const onAbort = (): void => exchange.abandon(call.signal?.reason);
    const timer = setTimeout(() => exchange.expire(totalMs), totalMs);
    exchange.onSettled(() => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    });
    call.signal?.addEventListener('abort', onAbort, { once: true });
    if (call.signal?.aborted === true) return onAbort();
    const { method, target: path, headers } = call;
    agent.dispatch(
      { origin, method, path, headers, body: call.body ?? null, headersTimeout: 0, bodyTimeout: 0 },
      exchange.handler,
    );
  });
}

interface Exchange {
  readonly handler: Dispatcher.DispatchHandler;
  abandon(reason: unknown): void;
  expire(afterMs: number): void;
  onSettled(listener: () => void): void;
}

/** One request and its answer; knows whether the request reached the wire. */
function createExchange(resolve: (answer: Answer) => void, reject: (error: unknown) => void): Exchange {
  let controller: Dispatcher.DispatchController | undefined;
  let settled = false;
  let cleanUp = (): void => undefined;
  const head = { status: 0, statusText: '' };
  const chunks: Buffer[] = [];
  let size = 0;

  function settle(finish: () => void): void {
    if (settled) return;
    settled = true;
    cleanUp();
    finish();
  }
  function fail(error: unknown): void {
    settle(() => reject(error));
    controller?.abort(error instanceof Error ? error : new Error('the call was given up'));
  }
  return {
    abandon: fail,
    expire: (ms) => fail(new TransportError('timeout', controller !== undefined, `no complete answer within ${ms} ms`)),
    onSettled: (listener) => {
      cleanUp = listener;
    },
    handler: {
      // Called right before the request is written; a call given up by then is never sent.
      onRequestStart: (started) => {
        if (settled) return started.abort(new Error('the call was given up before it was sent'));
        controller = started;
      },
      onResponseStart: (_controller, status, _headers, statusText) => {
        head.status = status;
        head.statusText = statusText ?? '';
      },
      onResponseData: (_controller, chunk) => {
        size += chunk.length;
        if (size > maxBodyBytes)
          return fail(new TransportError('too-large', true, `the answer is above ${maxBodyBytes} bytes`));
        chunks.push(chunk);
      },
      onResponseEnd: () => settle(() => resolve({ ...head, body: Buffer.concat(chunks).toString('utf8') })),
      onResponseError: (_controller, error) => settle(() => reject(asTransportError(error, controller !== undefined))),
    },
  };
}

function asTransportError(error: Error, sent: boolean): TransportError {
  if (error instanceof TransportError) return error;
  return new TransportError(sent ? 'lost' : 'connect', sent, error.message, error);
}
