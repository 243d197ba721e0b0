import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Probe } from '../../domain/probe.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

let servers: (Server | TcpServer)[] = [];
afterEach(async () => {
  const closing = servers;
  servers = [];
  await Promise.all(
    closing.map((server) => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function listen<S extends Server | TcpServer>(server: S): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function web(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}`;
}

function prometheus(result: readonly Record<string, string>[], rest: object = {}): Promise<string> {
  return web((request, response) => {
    const asked = new URL(request.url ?? '', 'http://prometheus');
    const known =
      asked.pathname === '/api/v1/query' && asked.searchParams.get('query') === 'ALERTS{alertstate="firing"}';
    response.statusCode = known ? 200 : 404;
    const samples = result.map((metric) => ({
      metric: { __name__: 'ALERTS', alertstate: 'firing', ...metric },
      value: [1, '1'],
    }));
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: samples }, ...rest }));
  });
}

async function ask(probe: Omit<Probe, 'name' | 'timeout'>, changes: Partial<Probe> = {}, tries = 1) {
  const deps = fakeDeps({
    authorization: (name, url) =>
      name === 'reader'
        ? Promise.resolve({ authorization: `Bearer for ${url}` })
        : Promise.reject(new Error('no such')),
  });
  const probes = [{ name: 'it', timeout: '2 seconds', ...probe, ...changes } satisfies Probe];
  const [result] = await activityEnvironment().run(activitiesOver(deps).checkProbes, { probes, tries });
  return result;
}

describe('a tcp probe', () => {
  it('is well when the port takes a connection', async () => {
    const port = await listen(createTcpServer());
    expect(await ask({ kind: 'tcp', host: '127.0.0.1', port })).toMatchObject({ name: 'it', ok: true });
  });

  it('fails when nothing listens', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    servers = [];
    await new Promise((resolve) => server.close(resolve));
    expect(await ask({ kind: 'tcp', host: '127.0.0.1', port })).toMatchObject({ ok: false, detail: 'ECONNREFUSED' });
  });
});

describe('an http probe', () => {
  it('is well when status and text are as expected', async () => {
    const url = await web((_, response) => response.end('<h1>Plex</h1>'));
    expect(await ask({ kind: 'http', url, expectText: 'Plex' })).toMatchObject({ ok: true });
    expect(await ask({ kind: 'http', url, expectText: 'Pihole' })).toEqual({
      name: 'it',
      ok: false,
      detail: 'the answer does not hold "Pihole"',
    });
  });

  it('follows no redirect, so that what it sends goes to nobody else', async () => {
    const url = await web((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end());
    expect(await ask({ kind: 'http', url })).toMatchObject({
      ok: false,
      detail: 'answered with status 302 instead of 200',
    });
    expect(await ask({ kind: 'http', url, expectStatus: 302 })).toMatchObject({ ok: true });
  });

  it('fails when the answer does not come in time, be it the head or the body', async () => {
    const silent = await web(() => undefined);
    const stuck = await web((_, response) => void response.write('half'));
    for (const url of [silent, stuck]) {
      expect(await ask({ kind: 'http', url }, { timeout: '100 ms' })).toMatchObject({
        ok: false,
        detail: 'no answer within 100 ms',
      });
    }
  });

  it('fails on an endless answer instead of reading it', async () => {
    const url = await web((_, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): boolean => response.write(chunk);
      response.on('drain', more);
      while (more());
    });
    expect(await ask({ kind: 'http', url })).toMatchObject({
      ok: false,
      detail: 'the answer is longer than 1048576 bytes',
    });
  });

  it('sends the credentials that it names, and fails without a request if there are none', async () => {
    let seen: string | undefined;
    const url = await web((request, response) => {
      seen = request.headers.authorization;
      response.end();
    });
    expect(await ask({ kind: 'http', url, credentials: 'reader' })).toMatchObject({ ok: true });
    expect(seen).toBe(`Bearer for ${url}`);
    seen = undefined;
    expect(await ask({ kind: 'http', url, credentials: 'other' })).toMatchObject({ ok: false, detail: 'no such' });
    expect(seen).toBeUndefined();
  });

  it('is asked again where one failure is none', async () => {
    let asked = 0;
    const url = await web((_, response) => {
      response.statusCode = ++asked < 3 ? 503 : 200;
      response.end();
    });
    expect(await ask({ kind: 'http', url }, {}, 3)).toMatchObject({ ok: true });
    expect(asked).toBe(3);
  });
});

describe('a Prometheus probe', () => {
  it('is well when no alert fires', async () => {
    expect(await ask({ kind: 'prometheus', url: await prometheus([]) })).toMatchObject({ ok: true });
  });

  it('fails with the names of the alerts that fire', async () => {
    const url = await prometheus([{ alertname: 'NodeDown', instance: 'pve2' }, { alertname: 'DiskFull' }]);
    expect(await ask({ kind: 'prometheus', url })).toMatchObject({
      ok: false,
      detail: '2 alerts fire: DiskFull, NodeDown on pve2',
    });
  });

  it('leaves out alerts that are ignored by their whole name, and those of other severities', async () => {
    const url = await prometheus([
      { alertname: 'Watchdog', severity: 'none' },
      { alertname: 'DiskSlow', severity: 'warning' },
    ]);
    const wants = { kind: 'prometheus', url, ignoreAlerts: ['Watch.*'] } as const;
    expect(await ask({ ...wants, severity: ['critical'] })).toMatchObject({ ok: true });
    expect(await ask({ ...wants, severity: ['warning'] })).toMatchObject({ detail: 'an alert fires: DiskSlow' });
    expect(await ask({ ...wants, ignoreAlerts: ['Watch', 'DiskSlow'] })).toMatchObject({
      detail: 'an alert fires: Watchdog',
    });
  });

  it('counts an alert that has no severity, whatever severities count', async () => {
    const url = await prometheus([{ alertname: 'Odd' }]);
    expect(await ask({ kind: 'prometheus', url, severity: ['critical'] })).toMatchObject({ ok: false });
  });

  it.each([
    ['is no Prometheus', 'hello', 200, 'the answer is not that of a Prometheus query'],
    ['says that the query failed', '{"status":"error","errorType":"timeout"}', 503, 'answered with status 503'],
    ['says success without a result', '{"status":"success","data":{}}', 200, 'the answer is not that of'],
    [
      'warns that its answer is not whole',
      '{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["remote read failed"]}',
      200,
      'may not be whole',
    ],
  ])('fails when the server %s', async (_, body, status, detail) => {
    const url = await web((_, response) => response.writeHead(status).end(body));
    expect(await ask({ kind: 'prometheus', url })).toMatchObject({
      ok: false,
      detail: expect.stringContaining(detail) as string,
    });
  });

  it('finds a server below a path', async () => {
    const url = await web((request, response) => {
      response.statusCode = request.url?.startsWith('/prometheus/api/v1/query?') ? 200 : 404;
      response.end('{"status":"success","data":{"resultType":"vector","result":[]}}');
    });
    expect(await ask({ kind: 'prometheus', url: `${url}/prometheus/` })).toMatchObject({ ok: true });
  });
});
