import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import * as x509 from '@peculiar/x509';

// The types of @peculiar/x509 name the browser's Crypto, which Node's is at run time.
x509.cryptoProvider.set(webcrypto as never);

export interface Certificate {
  readonly pem: string;
  readonly keyPem: string;
  /** As OpenSSL prints it: upper case with colons. */
  readonly fingerprint: string;
}

/** A self-signed certificate for 127.0.0.1. */
export async function createCertificate(name: string): Promise<Certificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys as never,
    signingAlgorithm: algorithm,
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2100-01-01'),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const digest = Buffer.from(await certificate.getThumbprint('SHA-256'))
    .toString('hex')
    .toUpperCase();
  return {
    pem: certificate.toString('pem'),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    fingerprint: (digest.match(/../g) ?? []).join(':'),
  };
}

export interface Request {
  readonly method: string;
  /** Without `/api2/json`, with query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** What the server does with a request; `hang` never answers, `reset` cuts the connection after reading it. */
export type Reply =
  | { readonly status?: number; readonly reason?: string; readonly data?: unknown; readonly raw?: string }
  | 'hang'
  | 'reset';

export interface ApiServer {
  readonly port: number;
  readonly certificate: Certificate;
  /** Requests that arrived, in order. */
  readonly requests: Request[];
  /** Connections accepted so far. */
  connections(): number;
  close(): Promise<void>;
}

/** A Proxmox API listener that answers as told. */
export async function startApi(
  certificate: Certificate,
  answer: (request: Request) => Reply | Promise<Reply>,
): Promise<ApiServer> {
  const requests: Request[] = [];
  const sockets = new Set<Duplex>();
  let connections = 0;
  const server = createServer({ cert: certificate.pem, key: certificate.keyPem }, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request: Request = {
        method: incoming.method ?? '',
        path: (incoming.url ?? '').replace(/^\/api2\/json/, ''),
        authorization: incoming.headers.authorization,
        body: Buffer.concat(chunks).toString(),
      };
      requests.push(request);
      void Promise.resolve(answer(request)).then((reply) => {
        if (reply === 'hang') return;
        if (reply === 'reset') return void incoming.socket.destroy();
        const status = reply.status ?? 200;
        if (reply.reason !== undefined) response.statusMessage = reply.reason;
        response.writeHead(status, status < 595 ? { 'content-type': 'application/json;charset=UTF-8' } : {});
        response.end(reply.raw ?? (status >= 595 ? '' : JSON.stringify({ data: reply.data ?? null })));
      });
    });
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    requests,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

/** A port on which nobody listens. */
export async function closedPort(certificate: Certificate): Promise<number> {
  const server = await startApi(certificate, () => 'hang');
  await server.close();
  return server.port;
}
