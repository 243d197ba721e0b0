import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallSite } from '../../lab/index.ts';
import type { LabBench } from './lab-client.ts';
import { openBench } from './lab-client.ts';

let bench: LabBench;

beforeAll(async () => {
  bench = await openBench({ site: smallSite({ nodes: 2, qdevice: true }) });
});

afterAll(async () => {
  await bench.close();
});

async function ticket() {
  const { username, password } = bench.lab.access.password;
  const answer = await bench.call('POST', '/access/ticket', { form: { username, password }, headers: {} });
  return answer.data as { ticket: string; CSRFPreventionToken: string };
}

const GET_PATHS = [
  '/version',
  '/access/permissions',
  '/cluster/status',
  '/cluster/resources',
  '/cluster/resources?type=vm',
  '/cluster/tasks',
  '/cluster/options',
  '/cluster/config/nodes',
  '/cluster/config/qdevice',
  '/cluster/ha/status/current',
  '/cluster/ha/status/manager_status',
  '/cluster/ha/resources',
  '/cluster/ha/rules',
  '/cluster/backup',
  '/cluster/replication',
  '/nodes',
  '/nodes/pve2/status',
  '/nodes/pve2/version',
  '/nodes/pve2/time',
  '/nodes/pve2/services',
  '/nodes/pve2/certificates/info',
  '/nodes/pve2/replication',
  '/nodes/pve1/replication/201-0/status',
  '/nodes/pve2/storage',
  '/nodes/pve2/storage/local-zfs/status',
  '/nodes/pve2/apt/update',
  '/nodes/pve2/apt/versions',
  '/nodes/pve2/apt/repositories',
  '/nodes/pve2/tasks?source=all&limit=5',
  '/nodes/pve1/qemu',
  '/nodes/pve1/qemu/201/status/current',
  '/nodes/pve1/qemu/201/config',
  '/nodes/pve1/qemu/201/migrate?target=pve2',
  '/nodes/pve1/lxc',
  '/nodes/pve1/lxc/101/status/current',
  '/nodes/pve1/lxc/101/config',
  '/nodes/pve1/lxc/101/migrate',
];

describe('answers', () => {
  it.each(GET_PATHS)('GET %s comes from either node with the exact headers of pveproxy', async (path) => {
    for (const at of [0, 1]) {
      const answer = await bench.call('GET', path, { at });
      expect(answer).toMatchObject({ status: 200, reason: 'OK' });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json;charset=UTF-8',
        server: 'pve-api-daemon/3.0',
        'cache-control': 'max-age=0',
      });
    }
  });

  it('come with status 200 and their own success flag under /api2/extjs', async () => {
    const good = await bench.call('GET', '/version', { format: 'extjs' });
    expect(good.body).toMatchObject({ success: 1 });
    const bad = await bench.call('GET', '/nodes/pve1/qemu/999/config', { format: 'extjs' });
    expect(bad).toMatchObject({ status: 200, body: { success: 0, status: 500 } });
  });

  it('agree with the described API, when a description is given', () => {
    expect(bench.lab.schemaViolations).toEqual([]);
  });
});

describe('errors', () => {
  it('close the connection and put their text in the reason phrase and the body', async () => {
    const answer = await bench.call('GET', '/nodes/pve1/qemu/999/config');
    const text = `Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist`;
    expect(answer).toMatchObject({ status: 500, reason: text, body: { message: `${text}\n` } });
    expect(answer.headers['connection']).toBe('close');
  });

  it('name every wrong, missing and unknown parameter', async () => {
    const answer = await bench.call('POST', '/nodes/pve1/qemu/201/migrate', { form: { online: 'perhaps', foo: '1' } });
    expect(answer).toMatchObject({ status: 400, reason: 'Parameter verification failed.' });
    expect(answer.body.errors).toEqual({
      online: `type check ('boolean') failed - got 'perhaps'`,
      foo: 'property is not defined in schema and the schema does not allow additional properties',
      target: 'property is missing and it is not optional',
    });
  });

  it.each([
    ['GET', '/nonsense', `Method 'GET /nonsense' not implemented`],
    ['DELETE', '/version', `Method 'DELETE /version' not implemented`],
    ['HEAD', '/version', `method 'HEAD' not available`],
  ])('%s %s is 501', async (method, path, reason) => {
    expect(await bench.call(method, path)).toMatchObject({ status: 501, reason });
  });

  it('refuse a body with DELETE', async () => {
    const answer = await bench.call('DELETE', '/nodes/pve1/tasks/x', { form: { a: '1' } });
    expect(answer).toMatchObject({ status: 501, reason: `Unexpected content for method 'DELETE'` });
  });

  it('tell an unknown node by a failed host name look-up', async () => {
    const answer = await bench.call('GET', '/nodes/pve9/status');
    expect(answer).toMatchObject({ status: 500 });
    expect(answer.reason).toMatch(/^hostname lookup 'pve9' failed/);
  });

  it('tell an unknown task', async () => {
    const answer = await bench.call('GET', '/nodes/pve1/tasks/UPID%3Apve1%3A0/status');
    expect(answer).toMatchObject({ status: 400, body: { errors: { upid: 'no such task' } } });
  });
});

describe('logging in', () => {
  it('without credentials is `No ticket` with an empty body', async () => {
    expect(await bench.call('GET', '/version', { headers: {} })).toMatchObject({
      status: 401,
      reason: 'No ticket',
      text: '',
    });
  });

  it.each([
    { authorization: 'PVEAPIToken=caretaker@pve!operator=00000000-0000-0000-0000-000000000000' },
    { authorization: 'PVEAPIToken=nobody@pve!x=00000000-0000-0000-0000-000000000000' },
    { cookie: 'PVEAuthCookie=PVE%3Aroot@pam%3A00000000%3A%3Axxxx' },
  ])('with %o is `Authentication failed!`, held back for three virtual seconds', async (headers) => {
    const before = bench.lab.clock.now();
    expect(await bench.call('GET', '/version', { headers })).toMatchObject({
      status: 401,
      reason: 'Authentication failed!',
    });
    expect(bench.lab.clock.now() - before).toBeGreaterThanOrEqual(2_900);
  });

  it('with a wrong password is `authentication failure`', async () => {
    const form = { username: 'root@pam', password: 'wrong' };
    expect(await bench.call('POST', '/access/ticket', { form, headers: {} })).toMatchObject({
      status: 401,
      reason: 'authentication failure',
    });
  });

  it('gives a ticket that every node takes, but no change without the CSRF token', async () => {
    const { ticket: value, CSRFPreventionToken: csrf } = await ticket();
    const cookie = `PVEAuthCookie=${encodeURIComponent(value)}`;
    expect((await bench.call('GET', '/version', { headers: { cookie }, at: 1 })).status).toBe(200);
    const form = { ha: 'shutdown_policy=conditional' };
    expect(await bench.call('PUT', '/cluster/options', { form, headers: { cookie } })).toMatchObject({
      status: 401,
      reason: 'Permission denied - invalid csrf token',
    });
    const headers = { cookie, CSRFPreventionToken: csrf };
    expect(await bench.call('PUT', '/cluster/options', { form, headers })).toMatchObject({ status: 200 });
  });

  it('renews a ticket by the ticket', async () => {
    const old = await ticket();
    const form = { username: 'root@pam', password: old.ticket };
    expect((await bench.call('POST', '/access/ticket', { form, headers: {} })).status).toBe(200);
  });
});

describe('privileges', () => {
  it('let the observer look and nothing else', async () => {
    const headers = bench.observer;
    expect((await bench.call('GET', '/cluster/resources', { headers })).status).toBe(200);
    const form = { target: 'pve2', online: '1' };
    expect(await bench.call('POST', '/nodes/pve1/qemu/201/migrate', { form, headers })).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/vms/201, VM.Migrate)',
    });
    expect(await bench.call('GET', '/nodes/pve1/apt/update', { headers })).toMatchObject({
      status: 403,
      reason: 'Permission check failed (/nodes/pve1, Sys.Modify)',
    });
  });

  it('keep root-only parameters from any token', async () => {
    const form = { target: 'pve2', online: '1', force: '1' };
    expect(await bench.call('POST', '/nodes/pve1/qemu/201/migrate', { form })).toMatchObject({
      status: 400,
      body: { errors: { force: 'Only root may use this option.' } },
    });
  });
});

describe('the schema check', () => {
  it('reports a response and a request that differ from the description', async () => {
    const file = join(bench.directory, 'schema.json');
    const endpoints = [
      {
        method: 'GET',
        path: '/version',
        parameters: {},
        required: [],
        returns: { type: 'object', additionalProperties: 0, properties: { version: { type: 'integer' } } },
      },
      { method: 'GET', path: '/nodes', parameters: { all: { type: 'boolean' } }, required: ['all'] },
    ];
    writeFileSync(file, JSON.stringify({ endpoints }));
    const other = await openBench({ site: smallSite({ nodes: 1 }), strictSchemaFile: file });
    await other.call('GET', '/version');
    await other.call('GET', '/nodes');
    await other.call('GET', '/cluster/tasks');
    expect(other.lab.schemaViolations).toEqual([
      'GET /version: response.version: "9.2.10" is not of type integer',
      'GET /version: response.release: unknown property',
      'GET /version: response.repoid: unknown property',
      'GET /nodes: request: all: missing',
      'GET /cluster/tasks: no such endpoint',
    ]);
    expect(other.lab.log.of('schema.violation')).toHaveLength(5);
    await other.close();
  });
});
