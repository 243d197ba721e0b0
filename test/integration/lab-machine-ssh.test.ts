import { readFileSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScaledClock } from '../../lab/core/clock.ts';
import type { Machine } from '../../lab/core/machine.ts';
import { ensureSshClientKey } from '../../lab/machine/index.ts';
import { createKeyPair } from './clients-ssh-server.ts';
import { fastSite, until } from './lab-machine-site.ts';
import type { Login, Site } from './lab-machine-site.ts';

let site: Site<ScaledClock>;
let machine: Machine;
let login: Login;

beforeEach(async () => {
  site = fastSite();
  machine = await site.machine();
  login = await site.connect(machine);
});
afterEach(() => site.close());

describe('a line over SSH', () => {
  it('reaches lab commands with its quotes, spaces and newlines as they were', async () => {
    const words: (readonly string[])[] = [];
    machine.command('ha-manager', (call) => {
      words.push(call.args);
      return Promise.resolve(0);
    });
    await login.run(`ha-manager 'two words' "it's" 'a "quote"' "" '$HOME' back\\\\slash 'first
second' -- ä☃ '*'`);
    expect(words).toEqual([
      ['two words', "it's", 'a "quote"', '', '$HOME', 'back\\slash', 'first\nsecond', '--', 'ä☃', '*'],
    ]);
  });

  it('ends with the exit code of the last command', async () => {
    machine.command('pvecm', () => Promise.resolve(42));
    expect((await login.run('pvecm status')).code).toBe(42);
    expect((await login.run('pvecm status; true')).code).toBe(0);
    expect((await login.run('exit 7')).code).toBe(7);
    expect((await login.run('no-such-program')).code).toBe(127);
  });

  it('keeps standard output and standard error apart', async () => {
    machine.command('pvecm', (call) => {
      call.out('quorate\n');
      call.err('warning\\n%s \\\\ \t"\n');
      call.out('done');
      return Promise.resolve(0);
    });
    expect(await login.run('pvecm status')).toMatchObject({
      stdout: 'quorate\ndone',
      stderr: 'warning\\n%s \\\\ \t"\n',
    });
  });

  it('pipes between lab commands and real programs', async () => {
    machine.command('pvecm', async (call) => {
      const chunks: Buffer[] = [];
      for await (const chunk of call.stdin) chunks.push(chunk);
      call.out(Buffer.concat(chunks).toString().toUpperCase());
      return 0;
    });
    expect((await login.run('uname -r | tr -d . | wc -c')).stdout.trim()).toBe('11');
    expect((await login.run("printf 'a b\\nc' | pvecm | sed s/B/x/")).stdout).toBe('A x\nC');
    expect((await login.run('uname -r > out; uname -n >> out; cat < out')).stdout).toBe('6.14.8-2-pve\npve1\n');
  });

  it('gives a command the standard input of the client', async () => {
    machine.command('pvecm', async (call) => {
      let bytes = 0;
      for await (const chunk of call.stdin) bytes += chunk.length;
      call.out(`${bytes} bytes`);
      return 0;
    });
    expect((await login.run('pvecm', 'x'.repeat(300_000))).stdout).toBe('300000 bytes');
    expect((await login.run('pvecm </dev/null', 'unread')).stdout).toBe('0 bytes');
  });

  it('takes nothing from a standard input it does not read', async () => {
    const { stdout } = await login.run('while read -r word; do hostname; echo $word; done', 'one\ntwo\n');
    expect(stdout).toBe('pve1\none\npve1\ntwo\n');
  });

  it('carries big output unharmed', async () => {
    const text = Array.from({ length: 40_000 }, (_, line) => `line ${line} \\n ä\n`).join('');
    machine.command('pvecm', (call) => {
      call.out(text);
      call.err(text);
      return Promise.resolve(0);
    });
    const { stdout, stderr } = await login.run('pvecm');
    expect(stdout === text && stderr === text).toBe(true);
    expect((await login.run('pvecm 2>/dev/null | head -n 1')).stdout).toBe('line 0 \\n ä\n');
  });

  it('tells which signal ended it', async () => {
    expect(await login.run('kill -9 $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('gets the signals the client sends', async () => {
    const running = await login.open('trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.05; done');
    await until(() => running.output() === 'ready\n');
    running.channel.signal('TERM');
    expect(await running.result).toMatchObject({ code: 5 });
    expect(running.output()).toContain('caught');
  });

  it('runs at home, as root, with nothing of the environment of the lab', async () => {
    const { stdout } = await login.run('pwd; echo $HOME; echo ~; whoami; id -u; env | grep -c NODE_');
    const [cwd, home, tilde, user, uid, leaked] = stdout.trim().split('\n');
    expect(new Set([cwd, home, tilde]).size).toBe(1);
    expect([user, uid, leaked]).toEqual(['root', '0', '0']);
  });

  it('cannot reach programs of the computer the lab runs on', async () => {
    machine.command('reboot', () => Promise.resolve(0));
    const { stdout } = await login.run('for name in node apt-cache curl git apt-get reboot; do command -v $name; done');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((path) => path.split('/').at(-2)),
    ).toEqual(['bin', 'bin']);
    expect(stdout).toContain(site.directory);
  });
});

describe('the SSH server', () => {
  it('lets in only root with the client key', async () => {
    const { privateKeyFile } = await ensureSshClientKey(site.directory);
    const good = readFileSync(privateKeyFile);
    const bad = createKeyPair('ed25519').privateKey;
    await expect(attempt(machine, { username: 'root', privateKey: bad })).rejects.toThrow(/authentication/i);
    await expect(attempt(machine, { username: 'admin', privateKey: good })).rejects.toThrow(/authentication/i);
    await expect(attempt(machine, { username: 'root', password: 'root' })).rejects.toThrow(/authentication/i);
    await expect(attempt(machine, { username: 'root', privateKey: good })).resolves.toBeUndefined();
  });

  it('proves itself with the host key its endpoint names', async () => {
    const { privateKeyFile } = await ensureSshClientKey(site.directory);
    const seen: string[] = [];
    const hostVerifier = (key: Buffer) => {
      seen.push(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`);
      return true;
    };
    await attempt(machine, { username: 'root', privateKey: readFileSync(privateKeyFile), hostVerifier });
    expect(seen).toEqual([machine.ssh.fingerprint]);
  });

  it('keeps key and port over a restart of the lab in the same directory', async () => {
    const before = machine.ssh;
    await machine.close();
    expect((await site.machine()).ssh).toEqual(before);
  });

  it('has a client key only its owner can read', async () => {
    const { privateKeyFile, publicKey } = await ensureSshClientKey(site.directory);
    expect(statSync(privateKeyFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(privateKeyFile, 'utf8')).toContain('BEGIN OPENSSH PRIVATE KEY');
    expect((await ensureSshClientKey(site.directory)).publicKey).toBe(publicKey);
  });

  it('answers keep-alives', async () => {
    const { privateKeyFile } = await ensureSshClientKey(site.directory);
    const client = new ssh2.Client();
    const closed = new Promise<string>((resolve) => client.once('close', () => resolve('closed')));
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      const { host, port } = machine.ssh;
      const privateKey = readFileSync(privateKeyFile);
      client.connect({ host, port, username: 'root', privateKey, keepaliveInterval: 200, keepaliveCountMax: 4 });
    });
    const quiet = new Promise<string>((resolve) => setTimeout(() => resolve('open'), 2_000));
    expect(await Promise.race([closed, quiet])).toBe('open');
    client.destroy();
  });

  it('serves several lines over one connection at a time', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, (_, n) => login.run(`uname -n; echo ${n}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 8 }, (_, n) => `pve1\n${n}\n`));
  });

  it('records who connected and what ran', async () => {
    await login.run('uname -r | cat');
    const actor = 'ssh:root@node/pve1';
    expect(site.log.of('ssh.connect')[0]).toMatchObject({ actor, subject: 'node/pve1' });
    expect(site.log.of('ssh.exec')[0]).toMatchObject({ actor, detail: { line: 'uname -r | cat' } });
    expect(site.log.of('command.run')[0]).toMatchObject({ actor, detail: { name: 'uname', args: ['-r'] } });
  });
});

describe('faults', () => {
  it('drop a connection before it says a word', async () => {
    site.faults.once((point) => (point.at === 'connection' ? { do: 'drop' } : undefined));
    await expect(site.connect(machine)).rejects.toThrow();
    await expect(site.connect(machine)).resolves.toBeDefined();
  });

  it('cut the connection in place of a command, or after its effect', async () => {
    for (const phase of ['before', 'after'] as const) {
      let effects = 0;
      machine.command('pvecm', () => Promise.resolve(++effects * 0));
      site.faults.once((point) => (point.at === 'command' && point.phase === phase ? { do: 'drop' } : undefined));
      const victim = await site.connect(machine);
      const gone = new Promise<void>((resolve) => victim.client.once('close', () => resolve()));
      void victim.run('pvecm expected 1').catch(() => undefined);
      await gone;
      expect(effects).toBe(phase === 'before' ? 0 : 1);
    }
  });

  it('make a command fail, lie or take longer', async () => {
    site.faults.once((point) => (point.at === 'command' ? { do: 'error', status: 3, reason: 'no space' } : undefined));
    expect(await login.run('uname -r')).toMatchObject({ code: 3, stdout: '', stderr: 'no space\n' });
    site.faults.once((point) => (point.at === 'command' ? { do: 'lie', body: '1.0\n' } : undefined));
    expect(await login.run('uname -r')).toMatchObject({ code: 0, stdout: '1.0\n' });
    site.faults.once((point) => (point.at === 'command' ? { do: 'delay', ms: 60_000 } : undefined));
    const before = site.clock.now();
    await login.run('uname -r');
    expect(site.clock.now() - before).toBeGreaterThanOrEqual(59_000);
  });

  it('kill the machine in the middle of a command', async () => {
    site.faults.once((point) => (point.at === 'command' && point.name === 'hostname' ? { do: 'die' } : undefined));
    const gone = new Promise<void>((resolve) => login.client.once('close', () => resolve()));
    void login.run('hostname; touch survived').catch(() => undefined);
    await gone;
    expect(machine.power).toBe('off');
    machine.powerOn();
    await site.event('node.up');
    expect((await machine.exec('ls')).stdout).toBe('');
  });
});

function attempt(target: Machine, options: ssh2.ConnectConfig): Promise<void> {
  const client = new ssh2.Client();
  return new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.connect({ host: target.ssh.host, port: target.ssh.port, ...options });
  }).finally(() => client.destroy());
}
