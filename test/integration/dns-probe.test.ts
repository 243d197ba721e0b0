import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

let server: Socket;
afterEach(() => server.close());

/** A server that answers every question for an IPv4 address alike: with `address`, or with an RCODE of RFC 1035. */
async function dnsServer(answer: { address: readonly number[] } | { rcode: number } | 'silence'): Promise<number> {
  server = createSocket('udp4');
  server.on('message', (question, from) => {
    if (answer === 'silence') return;
    const found = 'address' in answer;
    const flags = Buffer.from([0x81, 0x80 | (found ? 0 : answer.rcode), 0, 1, 0, found ? 1 : 0, 0, 0, 0, 0]);
    // The name is a pointer to that of the question; type A, class IN, 60 seconds, 4 bytes.
    const record = found ? Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...answer.address]) : Buffer.of();
    const asked = question.subarray(12, question.indexOf(0, 12) + 5);
    server.send(Buffer.concat([question.subarray(0, 2), flags, asked, record]), from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function ask(port: number, timeout: '2 seconds' | '300 ms' = '2 seconds') {
  const probes = [{ name: 'dns', kind: 'dns', host: '127.0.0.1', port, query: 'pve.example.org', timeout } as const];
  const [result] = await activityEnvironment().run(activitiesOver(fakeDeps({})).checkProbes, { probes, tries: 1 });
  return result;
}

it('a dns probe is well when the server knows an address', async () => {
  expect(await ask(await dnsServer({ address: [192, 168, 10, 230] }))).toEqual({
    name: 'dns',
    ok: true,
    detail: '127.0.0.1 resolves pve.example.org to 192.168.10.230',
  });
});

it('a dns probe fails with the word of a server that knows none or is broken', async () => {
  expect(await ask(await dnsServer({ rcode: 3 }))).toMatchObject({ ok: false, detail: 'ENOTFOUND' });
  server.close();
  expect(await ask(await dnsServer({ rcode: 2 }))).toMatchObject({ ok: false, detail: 'ESERVFAIL' });
});

it('a dns probe fails when nobody answers in time', async () => {
  expect(await ask(await dnsServer('silence'), '300 ms')).toMatchObject({
    ok: false,
    detail: 'no answer within 300 ms',
  });
});
