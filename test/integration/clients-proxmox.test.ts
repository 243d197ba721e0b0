import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EndpointTls, ProxmoxErrorType } from '../../clients/proxmox/index.ts';
import { closedPort, type Reply } from './clients-api-server.ts';
import {
  api,
  certificate,
  cleanups,
  client,
  failure,
  guest,
  other,
  secret,
  token,
  upid,
} from './clients-proxmox-setup.ts';

const version: Reply = { data: { version: '9.2.11', release: '9.2', repoid: 'abcdef01' } };

describe('TLS', () => {
  it('sends the request and the token to an endpoint with the pinned certificate', async () => {
    const server = await api(() => version);
    expect(await client([{ node: 'pve1', port: server.port }]).version()).toEqual({
      version: '9.2.11',
      release: '9.2',
    });
    expect(server.requests).toEqual([
      { method: 'GET', path: '/version', authorization: `PVEAPIToken=${token}`, body: '' },
    ]);
  });

  it.each(['GET', 'POST'] as const)(
    'refuses a wrong fingerprint before a %s and its token are sent',
    async (method) => {
      const server = await api(() => version);
      const pve = client([{ node: 'pve1', port: server.port, tls: { fingerprint: other.fingerprint } }]);
      const error = await failure(method === 'GET' ? pve.version() : pve.rebootNode('pve1'));
      expect(error).toMatchObject({ type: 'ProxmoxTls', outcome: 'refused' });
      expect(error.message).toContain(certificate.fingerprint);
      expect(server.requests).toEqual([]);
    },
  );

  it('accepts a certificate of the given CA, by text or by file', async () => {
    const server = await api(() => version);
    const folder = await mkdtemp(join(tmpdir(), 'clients-ca-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, certificate.pem);
    await client([{ node: 'pve1', port: server.port, tls: { ca: certificate.pem } }]).version();
    await client([{ node: 'pve1', port: server.port, tls: { caFile } }]).version();
    expect(server.requests).toHaveLength(2);
  });

  it('refuses a certificate of another CA before the token is sent', async () => {
    const server = await api(() => version);
    const error = await failure(client([{ node: 'pve1', port: server.port, tls: { ca: other.pem } }]).version());
    expect(error).toMatchObject({ type: 'ProxmoxTls', outcome: 'refused' });
    expect(server.requests).toEqual([]);
  });

  it('cannot be made without a CA or a fingerprint', () => {
    const none = {} as EndpointTls;
    expect(() => client([{ node: 'pve1', port: 8006, tls: none }])).toThrow(/pve1 \(127\.0\.0\.1:8006\).*fingerprint/);
    expect(() => client([{ node: 'pve1', port: 8006, tls: { fingerprint: 'AB:CD' } }])).toThrow(/pve1.*32 bytes/);
    expect(() => client([{ node: 'pve1', port: 8006, tls: { caFile: '/none/ca.pem' } }])).toThrow(/pve1.*caFile/);
  });
});

describe('failover', () => {
  it('asks another node about a node, and that node itself only as the last', async () => {
    const pve1 = await api(() => ({ status: 595, reason: 'No route to host' }));
    const pve2 = await api(() => ({ data: { uptime: 7 } }));
    const pve = client([
      { node: 'pve2', port: pve2.port },
      { node: 'pve1', port: pve1.port },
    ]);
    expect((await pve.nodeStatus('pve2')).uptime).toBe(7);
    expect([pve1.requests.length, pve2.requests.length]).toEqual([1, 1]);
  });

  it('never asks a node to avoid, even if nobody else answers', async () => {
    const pve2 = await api(() => version);
    const pve = client([
      { node: 'pve1', port: await closedPort(certificate) },
      { node: 'pve2', port: pve2.port },
    ]);
    const error = await failure(pve.avoid('pve2').version());
    expect(error).toMatchObject({ type: 'ProxmoxUnreachable', outcome: 'retryable' });
    expect(pve2.requests).toEqual([]);
  });

  it('asks exactly one node for its own view', async () => {
    const members = (local: string) => ({
      data: [
        { type: 'cluster', id: 'cluster', name: 'homelab', nodes: 2, version: 3, quorate: local === 'pve1' ? 1 : 0 },
        {
          type: 'node',
          id: 'node/pve1',
          name: 'pve1',
          nodeid: 1,
          ip: '192.0.2.1',
          online: 1,
          local: Number(local === 'pve1'),
        },
        {
          type: 'node',
          id: 'node/pve2',
          name: 'pve2',
          nodeid: '2',
          ip: '192.0.2.2',
          online: 0,
          local: Number(local === 'pve2'),
        },
      ],
    });
    const pve1 = await api(() => members('pve1'));
    const pve2 = await api(() => members('pve2'));
    const pve = client([
      { node: 'pve1', port: pve1.port },
      { node: 'pve2', port: pve2.port },
    ]);
    const own = await pve.via('pve2').clusterStatus();
    expect(own).toMatchObject({ name: 'homelab', quorate: false });
    expect(own.nodes.map(({ nodeId, online, local }) => ({ nodeId, online, local }))).toEqual([
      { nodeId: 1, online: true, local: false },
      { nodeId: 2, online: false, local: true },
    ]);
    expect(pve1.requests).toEqual([]);
    expect(await failure(pve.via('pve3').version())).toMatchObject({ outcome: 'refused' });
  });

  it.each([
    ['a 595', { status: 595, reason: 'Errors during connection establishment, proxy handshake: Connection refused' }],
    ['a 596', { status: 596, reason: 'Connection timed out' }],
    ['a 500 of a restarting pmxcfs', { status: 500, reason: 'ipcc_send_rec[1] failed: Connection refused' }],
    ['a passing 401', { status: 401, reason: 'Authentication failed!' }],
    ['a cut connection', 'reset'],
  ] as [string, Reply][])('answers a read through the other endpoint after %s', async (_name, reply) => {
    const pve1 = await api(() => reply);
    const pve2 = await api(() => version);
    const pve = client([
      { node: 'pve1', port: pve1.port },
      { node: 'pve2', port: pve2.port },
    ]);
    expect((await pve.version()).release).toBe('9.2');
    expect([pve1.requests.length, pve2.requests.length]).toEqual([1, 1]);
  });

  it('tells of a wrong certificate as well when no other endpoint answers, and that asking again can help', async () => {
    const pve1 = await api(() => version);
    const pve = client([
      { node: 'pve1', port: pve1.port, tls: { fingerprint: other.fingerprint } },
      { node: 'pve2', port: await closedPort(certificate) },
    ]);
    const error = await failure(pve.version());
    expect(error.outcome).toBe('retryable');
    expect(error.message).toContain(certificate.fingerprint);
  });

  it('stays with the endpoint that answered', async () => {
    const pve2 = await api(() => version);
    const dead = await api(() => 'reset');
    const pve = client([
      { node: 'pve1', port: dead.port },
      { node: 'pve2', port: pve2.port },
    ]);
    await pve.version();
    await pve.version();
    expect([dead.requests.length, pve2.requests.length]).toEqual([1, 2]);
  });

  it.each([
    ['nobody listens', undefined],
    ['595', { status: 595, reason: 'Connection refused' }],
    ['401', { status: 401, reason: 'Authentication failed!' }],
  ] as [string, Reply | undefined][])(
    'sends a write to the next endpoint if it was not executed: %s',
    async (_name, reply) => {
      const pve1 = reply === undefined ? undefined : await api(() => reply);
      const pve3 = await api(() => ({ data: upid(1, 'qmstart', '100') }));
      const pve = client([
        { node: 'pve1', port: pve1?.port ?? (await closedPort(certificate)) },
        { node: 'pve3', port: pve3.port },
      ]);
      expect(await pve.startGuest(guest)).toBe(upid(1, 'qmstart', '100'));
      expect(pve3.requests).toHaveLength(1);
    },
  );

  it.each([
    ['596', { status: 596, reason: 'Connection timed out' }],
    ['a cut connection', 'reset'],
    ['no answer in time', 'hang'],
    ['an answer that is no JSON', { raw: '<html>' }],
    ['an answer that is no task id', { data: 'fine' }],
  ] as [string, Reply][])('never repeats a write whose outcome is unknown: %s', async (_name, reply) => {
    const pve1 = await api(() => reply);
    const pve3 = await api(() => reply);
    const pve = client(
      [
        { node: 'pve1', port: pve1.port },
        { node: 'pve3', port: pve3.port },
      ],
      { total: 300 },
    );
    const error = await failure(pve.startGuest(guest));
    expect(error.outcome).toBe('unknown');
    expect(pve1.requests.length + pve3.requests.length).toBe(1);
  });

  it('opens a fresh connection for each write, and few for many reads', async () => {
    const server = await api(() => ({ data: null }));
    const pve = client([{ node: 'pve1', port: server.port }]);
    await pve.rebootNode('pve2');
    await pve.rebootNode('pve2');
    expect(server.requests.map((request) => request.body)).toEqual(['command=reboot', 'command=reboot']);
    expect(server.connections()).toBe(2);
    for (let read = 0; read < 8; read += 1) await pve.get('/version');
    expect(server.connections()).toBeLessThan(6);
  });
});

describe('timeouts', () => {
  it('gives up an answer that does not come as retryable for a read', async () => {
    const server = await api(() => 'hang');
    const error = await failure(client([{ node: 'pve1', port: server.port }], { total: 100 }).version());
    expect(error).toMatchObject({ type: 'ProxmoxUnreachable', outcome: 'retryable' });
  });

  it('gives up a connection on which TLS never starts, as not sent even for a write', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const { port } = silent.address() as AddressInfo;
    const pve = client([{ node: 'pve1', port }], { connect: 100 });
    expect(await failure(pve.rebootNode('pve2'))).toMatchObject({ type: 'ProxmoxUnreachable', outcome: 'retryable' });
  });

  it('rejects with the reason of an aborted signal', async () => {
    const server = await api(() => 'hang');
    const reason = new Error('cancelled by the operator');
    const controller = new AbortController();
    const call = client([{ node: 'pve1', port: server.port }])
      .with({ signal: controller.signal })
      .version();
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe('errors', () => {
  it.each([
    [400, 'Parameter verification failed.', 'ProxmoxParameters', 'refused'],
    [401, 'Authentication failed!', 'ProxmoxUnauthorized', 'refused'],
    [403, 'Permission check failed (/vms/100, VM.PowerMgmt)', 'ProxmoxForbidden', 'refused'],
    [500, 'VM 100 already running', 'ProxmoxRefused', 'refused'],
    [500, 'VM is locked (migrate)', 'ProxmoxBusy', 'retryable'],
    [500, 'cluster not ready - no quorum?', 'ProxmoxBusy', 'retryable'],
    [501, "Method 'POST /nodes' not implemented", 'ProxmoxNotImplemented', 'refused'],
    [595, 'Connection refused', 'ProxmoxUnreachable', 'retryable'],
    [596, 'Connection timed out', 'ProxmoxUnknownOutcome', 'unknown'],
    [500, 'ipcc_send_rec[1] failed: Connection refused', 'ProxmoxUnknownOutcome', 'unknown'],
    [500, 'Unable to load access control list: Connection refused', 'ProxmoxUnknownOutcome', 'unknown'],
  ] as [number, string, ProxmoxErrorType, string][])(
    'reads a write answered with %i %s',
    async (status, reason, type, outcome) => {
      const server = await api(() => ({ status, reason, raw: '' }));
      const error = await failure(client([{ node: 'pve1', port: server.port }]).startGuest(guest));
      expect(error).toMatchObject({
        type,
        outcome,
        status,
        reason,
        method: 'POST',
        path: '/nodes/pve2/qemu/100/status/start',
      });
      expect(error.message).toContain(reason);
      expect(error.message).not.toContain(secret);
    },
  );

  it('takes a read that broke off for pmxcfs, wherever in it, for one to ask again', async () => {
    const reason = 'Unable to load access control list: Connection refused';
    const server = await api(() => ({ status: 500, reason, raw: '' }));
    const error = await failure(client([{ node: 'pve1', port: server.port }]).version());
    expect(error).toMatchObject({ type: 'ProxmoxBusy', outcome: 'retryable' });
    expect(server.requests).toHaveLength(2);
  });

  it('prefers the message of the body over the reason phrase and names the parameters', async () => {
    const raw = JSON.stringify({
      data: null,
      message: 'Parameter verification failed.\n',
      errors: { target: 'no such node' },
    });
    const server = await api(() => ({ status: 400, reason: 'Bad', raw }));
    const error = await failure(client([{ node: 'pve1', port: server.port }]).migrateGuest(guest, { target: 'pveX' }));
    expect(error).toMatchObject({ reason: 'Parameter verification failed.', errors: { target: 'no such node' } });
    expect(error.message).toContain('target: no such node');
  });

  it('refuses a token of another form without showing it or sending anything', async () => {
    const server = await api(() => version);
    const error = await failure(client([{ node: 'pve1', port: server.port }], { token: secret }).version());
    expect(error.type).toBe('ProxmoxUnauthorized');
    expect(error.message).not.toContain(secret);
    expect(server.requests).toEqual([]);
  });

  it('reports an answer of another shape as unexpected', async () => {
    const server = await api(() => ({ data: 'hello' }));
    const error = await failure(client([{ node: 'pve1', port: server.port }]).resources());
    expect(error.type).toBe('ProxmoxUnexpectedAnswer');
  });
});
