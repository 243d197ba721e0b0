import { afterEach } from 'vitest';
import {
  createProxmoxClient,
  ProxmoxError,
  type EndpointTls,
  type ProxmoxClient,
} from '../../clients/proxmox/index.ts';
import { createCertificate, startApi, type ApiServer, type Reply, type Request } from './clients-api-server.ts';

export const secret = '6f1c7a52-0000-4000-8000-0123456789ab';
export const token = `caretaker@pve!lab=${secret}`;
export const certificate = await createCertificate('pve');
export const other = await createCertificate('other');
export const guest = { type: 'qemu', vmid: 100, node: 'pve2' } as const;

/** Run in reverse order after each test. */
export const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function api(answer: (request: Request) => Reply | Promise<Reply>): Promise<ApiServer> {
  const server = await startApi(certificate, answer);
  cleanups.push(() => server.close());
  return server;
}

export interface Place {
  readonly node: string;
  readonly port: number;
  readonly tls?: EndpointTls;
}

export function client(
  places: readonly Place[],
  options: { token?: string; total?: number; connect?: number } = {},
): ProxmoxClient {
  const created = createProxmoxClient({
    endpoints: places.map(({ node, port, tls }) => ({
      node,
      port,
      host: '127.0.0.1',
      tls: tls ?? { fingerprint: certificate.fingerprint },
    })),
    token: () => Promise.resolve(options.token ?? token),
    timeouts: { connect: options.connect ?? 5_000, total: options.total ?? 10_000 },
    pace: { taskPoll: 5, retry: 1 },
  });
  cleanups.push(() => created.close());
  return created;
}

export async function failure(call: Promise<unknown>): Promise<ProxmoxError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ProxmoxError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

export function upid(pid: number, type: string, id: string, start = 0x6921c000): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return `UPID:pve2:${hex(pid)}:00001000:${hex(start)}:${type}:${id}:caretaker@pve!lab:`;
}
