import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSshClient, type HostKeyOptions, type SshClient } from '../../clients/ssh/index.ts';
import { createKeyPair } from '../integration/clients-ssh-server.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';

describeOnRealHosts('a host whose key is not the known one', (world) => {
  let host: Host;
  let folder: string;
  beforeAll(async () => {
    host = await world.boot();
    folder = await mkdtemp(join(tmpdir(), 'caretaker-keys-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function client(hostKey: HostKeyOptions): SshClient {
    const privateKey = (): Promise<string> => Promise.resolve(host.clientKey.privateKey);
    return createSshClient({ host: '127.0.0.1', port: host.sshPort, username: 'root', privateKey, hostKey });
  }
  async function knownHosts(name: string, text: string): Promise<HostKeyOptions> {
    const knownHostsFile = join(folder, name);
    await writeFile(knownHostsFile, text);
    return { knownHostsFile };
  }
  /** Lines of sshd about logins, that of the question included. */
  const logins = async (): Promise<number> =>
    Number(await host.sh('journalctl --sync; journalctl -q -t sshd -o cat | grep -c "Accepted publickey"'));

  it('is connected to by its fingerprint, or by its line of known_hosts', async () => {
    const listed = await knownHosts('right', `[127.0.0.1]:${host.sshPort} ${host.hostKey.line}\n`);
    for (const key of [listed, { fingerprint: host.hostKey.fingerprint }]) {
      expect(await client(key).exec('id -un')).toMatchObject({ code: 0, stdout: 'root\n' });
    }
  });

  it('is refused before anything of ours is sent, whether it is another than pinned, another than listed or unlisted', async () => {
    const other = createKeyPair('ed25519');
    const before = await logins();
    for (const [key, type] of [
      [{ fingerprint: other.fingerprint }, 'SshHostKeyChanged'],
      [await knownHosts('other', `[127.0.0.1]:${host.sshPort} ${other.line}\n`), 'SshHostKeyChanged'],
      [await knownHosts('none', ''), 'SshHostKeyUnknown'],
    ] as const) {
      await expect(client(key).exec('touch /run/was-here')).rejects.toMatchObject({ type, outcome: 'refused' });
    }
    expect(await host.sh('test -e /run/was-here || echo untouched')).toBe('untouched\n');
    // The line before, and the question itself.
    expect(await logins()).toBe(before + 2);
    expect(await host.sh('journalctl -q -t sshd -o cat')).not.toMatch(/authenticating user|Failed publickey/);
  });

  it('is refused after it was given a new key', async () => {
    const known = client({ fingerprint: host.hostKey.fingerprint });
    const key = '/etc/ssh/ssh_host_ed25519_key';
    await known.exec(`rm ${key}*; ssh-keygen -q -t ed25519 -N '' -f ${key}; systemctl restart ssh`);
    await expect(known.exec('true')).rejects.toMatchObject({ type: 'SshHostKeyChanged' });
  });
});
