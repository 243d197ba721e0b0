import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBmc, sendMagicPacket, type Bmc, type BmcOptions } from '../../clients/wake/index.ts';
import { closedPort } from './clients-api-server.ts';
import { api, certificate, client, failure } from './clients-proxmox-setup.ts';

const PASSWORD = 'calvin "1" $x';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clients-wake-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A BMC behind a program that stands in for ipmitool: lines of a shell script. */
async function bmc(script: string, options: Partial<BmcOptions> = {}): Promise<Bmc> {
  const program = join(folder, 'ipmitool');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o700);
  return createBmc({ host: '192.0.2.7', user: 'root', password: () => Promise.resolve(PASSWORD), program, ...options });
}

const noSession = `echo 'Error: Unable to establish IPMI v2 / RMCP+ session' >&2; exit 1`;

describe('the program that asks a BMC', () => {
  const record = `for each; do printf '%s\\n' "$each"; done > "$0.args"; env > "$0.env"; echo 'Chassis Power is off'`;
  const words = async () => (await readFile(join(folder, 'ipmitool.args'), 'utf8')).trim().split('\n');

  it('is asked for no more than an operator may, with the password nowhere but in the environment', async () => {
    const controller = await bmc(record, { port: 6230, cipherSuite: 3, timeouts: { answer: 3_400 } });
    expect(controller.label).toBe('BMC 192.0.2.7:6230');
    expect(await controller.power()).toBe('off');
    expect((await words()).join(' ')).toBe(
      '-v -I lanplus -H 192.0.2.7 -p 6230 -U root -E -L OPERATOR -N 3 -R 2 -C 3 chassis power status',
    );
    expect((await words()).join('\n')).not.toContain('calvin');
    expect(await readFile(join(folder, 'ipmitool.env'), 'utf8')).toContain(`IPMI_PASSWORD=${PASSWORD}\n`);
  });

  it('takes the password that is asked for at each command, and none of the environment', async () => {
    process.env['IPMITOOL_PASSWORD'] = 'somebody-elses';
    let asked = 0;
    try {
      const controller = await bmc(record, { password: async () => `secret-${++asked}` });
      await controller.power();
      await controller.power();
    } finally {
      delete process.env['IPMITOOL_PASSWORD'];
    }
    const env = await readFile(join(folder, 'ipmitool.env'), 'utf8');
    expect(env).toContain('IPMI_PASSWORD=secret-2\n');
    expect(env).not.toContain('somebody-elses');
  });

  it.each([
    ['power', 'status', 'Chassis Power is on', 'on'],
    ['turnOn', 'on', 'Chassis Power Control: Up/On', undefined],
    ['cycle', 'cycle', 'Chassis Power Control: Cycle', undefined],
  ] as const)('does %s as chassis power %s', async (method, command, says, result) => {
    const controller = await bmc(`echo "$*" > "$0.args"; echo '${says}'`);
    expect(await controller[method]()).toBe(result);
    expect((await words())[0]).toMatch(new RegExp(`chassis power ${command}$`));
  });
});

describe('a failure of a BMC', () => {
  it.each([
    [`echo '> RAKP 2 HMAC is invalid' >&2; ${noSession}`, 'BmcAuthentication', 'refused'],
    [`echo 'RAKP 2 message indicates an error : unauthorized name' >&2; ${noSession}`, 'BmcAuthentication', 'refused'],
    [
      `echo 'RAKP 4 message indicates an error : unauthorized role requested' >&2; ${noSession}`,
      'BmcPrivilege',
      'refused',
    ],
    [
      `echo 'Set Session Privilege Level to OPERATOR failed: Unknown (0x81)' >&2; ${noSession}`,
      'BmcPrivilege',
      'refused',
    ],
    [
      `echo 'Error in open session response message : no matching cipher suite' >&2; ${noSession}`,
      'BmcCipherSuite',
      'refused',
    ],
    [
      `echo 'Error in open session response message : insufficient resources for session' >&2; ${noSession}`,
      'BmcBusy',
      'retryable',
    ],
    [`echo 'Set Session Privilege Level to OPERATOR failed: Node busy' >&2; ${noSession}`, 'BmcBusy', 'retryable'],
    [`echo 'Set Chassis Power Control to Up/On failed: Node busy' >&2; exit 1`, 'BmcBusy', 'retryable'],
    [`echo 'Set Chassis Power Control to Up/On failed: Timeout' >&2; exit 1`, 'BmcBusy', 'retryable'],
    [
      `echo 'Set Chassis Power Control to Up/On failed: Insufficient privilege level' >&2; exit 1`,
      'BmcPrivilege',
      'refused',
    ],
    [
      `echo 'Set Chassis Power Control to Up/On failed: Command not supported in present state' >&2; exit 1`,
      'BmcRefused',
      'refused',
    ],
    [`echo 'Set Session Privilege Level to OPERATOR failed' >&2; ${noSession}`, 'BmcUnreachable', 'retryable'],
    [`echo 'Address lookup for bmc1 failed' >&2; ${noSession}`, 'BmcUnreachable', 'retryable'],
    [`echo 'Get Auth Capabilities error' >&2; ${noSession}`, 'BmcUnreachable', 'retryable'],
    [`echo 'Unable to set Chassis Power Control to Up/On' >&2; exit 1`, 'BmcNoAnswer', 'unknown'],
    [`echo 'Segmentation fault' >&2; exit 139`, 'BmcUnexpectedAnswer', 'unknown'],
    [`echo 'Chassis Power Control: Up/On'; exit 1`, 'BmcUnexpectedAnswer', 'unknown'],
    ['exit 0', 'BmcUnexpectedAnswer', 'unknown'],
  ])('of `%s` to be turned on is %s, %s', async (script, type, outcome) => {
    await expect((await bmc(script)).turnOn()).rejects.toMatchObject({ name: 'WakeError', type, outcome });
  });

  it('to say whether its machine is on has changed nothing', async () => {
    for (const script of [`echo 'Unable to get Chassis Power Status' >&2; exit 1`, 'exit 3', 'exec sleep 30']) {
      const controller = await bmc(script, { timeouts: { total: 300 } });
      await expect(controller.power()).rejects.toMatchObject({ outcome: 'retryable' });
    }
  });

  it('because there is no ipmitool says what to install', async () => {
    const controller = await bmc('', { program: join(folder, 'none') });
    await expect(controller.turnOn()).rejects.toMatchObject({
      type: 'BmcProgramMissing',
      outcome: 'refused',
      message: expect.stringContaining('Install ipmitool') as string,
    });
  });

  it('never repeats the password, whatever the program says', async () => {
    const controller = await bmc(`echo "password is $IPMI_PASSWORD" >&2; exit 1`);
    const error: unknown = await controller.turnOn().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ type: 'BmcUnexpectedAnswer' });
    expect(String(error)).not.toContain('calvin');
    const other = await bmc(`printf 'odd \\033[31m%0200d' 7 >&2; exit 1`);
    await expect(other.turnOn()).rejects.toThrow(/\(odd \?\[31m0{100,120}\)/);
  });

  it.each([
    [{ user: 'x'.repeat(17) }, 'user'],
    [{ password: async () => 'ä'.repeat(11) }, 'password'],
    [{ host: 'a\0b' }, 'NUL'],
  ])('for what IPMI cannot take is told before anything is sent: %j', async (options, names) => {
    const controller = await bmc('echo started > "$0.started"', options);
    await expect(controller.turnOn()).rejects.toMatchObject({
      type: 'WakeArgument',
      outcome: 'refused',
      message: expect.stringContaining(names) as string,
    });
    await expect(readFile(join(folder, 'ipmitool.started'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a program that does not come back', () => {
  const hang = 'echo $$ > "$0.pid"; exec sleep 60';
  const processId = async () => Number(await readFile(join(folder, 'ipmitool.pid'), 'utf8').catch(() => '0'));
  const lives = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it('is killed, and whether the machine was turned on is not known', async () => {
    const controller = await bmc(hang, { timeouts: { total: 500 } });
    await expect(controller.turnOn()).rejects.toMatchObject({ type: 'BmcTimeout', outcome: 'unknown' });
    const pid = await processId();
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => lives(pid)).toBe(false);
  });

  it('is killed when it is not waited for any more', async () => {
    const controller = await bmc(hang);
    const abort = new AbortController();
    const call = controller.turnOn({ signal: abort.signal });
    const ended = expect(call).rejects.toThrow('enough');
    await expect.poll(processId).toBeGreaterThan(0);
    abort.abort(new Error('enough'));
    await ended;
    await expect.poll(async () => lives(await processId())).toBe(false);
  });
});

describe('a magic packet', () => {
  let socket: Socket;
  let port: number;
  const got: Buffer[] = [];

  beforeEach(async () => {
    socket = createSocket('udp4', (message) => got.push(message));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    port = socket.address().port;
    got.length = 0;
  });
  afterEach(() => socket.close());

  it('names the machine 16 times', async () => {
    await sendMagicPacket({ mac: '02:00:5e:10:00:0A', broadcast: '127.0.0.1', port });
    await expect.poll(() => got).toHaveLength(1);
    expect(got[0]?.toString('hex')).toBe(`ffffffffffff${'02005e10000a'.repeat(16)}`);
  });

  it('may be sent to a broadcast address', async () => {
    // No interface of loopback knows broadcasts; that it is sent at all needs SO_BROADCAST.
    await sendMagicPacket({ mac: '02-00-5e-10-00-0a', broadcast: '127.255.255.255', port });
  });

  it.each(['02:00:5e:10:00', '02:00:5e:10:00:0g', '02:00-5e:10:00:0a', '03:00:5e:10:00:01', '00:00:00:00:00:00', ''])(
    'is not sent to %j, which is no machine',
    async (mac) => {
      const call = sendMagicPacket({ mac, broadcast: '127.0.0.1', port });
      await expect(call).rejects.toMatchObject({ type: 'WakeArgument', outcome: 'refused' });
    },
  );

  it.each(['192.168.1.999', 'lan', '::1'])('is not sent to the network %j, which is none', async (broadcast) => {
    const call = sendMagicPacket({ mac: '02:00:5e:10:00:0a', broadcast, port });
    await expect(call).rejects.toMatchObject({ type: 'WakeArgument', outcome: 'refused' });
  });

  it('that the system does not send may be sent later', async () => {
    const call = sendMagicPacket({ mac: '02:00:5e:10:00:0a', broadcast: '127.0.0.1', port: 0 });
    await expect(call).rejects.toMatchObject({ type: 'WakeNotSent', outcome: 'retryable' });
  });
});

describe('a node of the cluster', () => {
  it('is asked to wake another one, which is asked itself only as the last', async () => {
    const sender = await api(() => ({ data: '02:00:5E:10:00:0A' }));
    const places = [
      { node: 'pve1', port: await closedPort(certificate) },
      { node: 'pve2', port: sender.port },
    ];
    expect(await client(places).wakeNode('pve1')).toBe('02:00:5E:10:00:0A');
    expect(sender.requests).toMatchObject([{ method: 'POST', path: '/nodes/pve1/wakeonlan', body: '' }]);
  });

  it('that knows no MAC address of the other refuses in its own words', async () => {
    const reason = "No wake on LAN MAC address defined for 'pve1'!";
    const sender = await api(() => ({ status: 500, reason, data: null }));
    const error = await failure(
      client([{ node: 'pve2', port: sender.port }])
        .via('pve2')
        .wakeNode('pve1'),
    );
    expect(error).toMatchObject({ type: 'ProxmoxRefused', outcome: 'refused', reason });
  });

  it('takes the state that HA is to keep a guest in', async () => {
    const server = await api(() => ({ data: null }));
    await client([{ node: 'pve1', port: server.port }]).setHaState('vm:101', 'started');
    expect(server.requests).toMatchObject([
      { method: 'PUT', path: '/cluster/ha/resources/vm%3A101', body: 'state=started' },
    ]);
  });
});
