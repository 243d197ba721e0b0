import { beforeAll, expect, it } from 'vitest';
import { readHost } from '../../activities/host.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf, upgrade } from './machine/upgrade.ts';

/** Holds a file with the kind of lock that apt and dpkg use, until it is ended. */
const HOLD = `use Fcntl qw(:DEFAULT :seek);
open my $file, '>>', $ARGV[0] or die;
my $lock = pack 's!s!x28', F_WRLCK, SEEK_SET;
fcntl $file, F_SETLKW, $lock or die;
open my $held, '>', '/run/held';
sleep 600;
`;

/** An apt that loses its patience after a second. */
const IMPATIENT = `#!/bin/sh
for word; do
  shift
  case $word in DPkg::Lock::Timeout=*) word=DPkg::Lock::Timeout=1 ;; esac
  set -- "$@" "$word"
done
exec /usr/bin/apt-get "$@"
`;

describeOnRealHosts('a package lock that somebody else holds', (world) => {
  let host: Host;
  let version = 1;
  beforeAll(async () => {
    host = await world.boot({ prepare: `cat >/root/hold <<'EOT'\n${HOLD}EOT\n` });
    await world.repository.publish({ name: 'tool', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool');
  });

  async function hold(file: string): Promise<void> {
    await host.sh(`rm -f /run/held; systemd-run -q --unit=hold --collect perl /root/hold ${file}`);
    await expect.poll(() => host.sh('ls /run')).toContain('held');
  }
  const holder = async (): Promise<string> => (await host.sh('systemctl show --property=MainPID --value hold')).trim();
  const release = (): Promise<string> => host.sh('systemctl stop hold');
  const publish = (): Promise<void> => world.repository.publish({ name: 'tool', version: String(++version) });

  it('is waited for when it is that of dpkg', async () => {
    await publish();
    await hold('/var/lib/dpkg/lock-frontend');
    const upgrading = upgrade(host, 'dpkg');
    await expect
      .poll(() => logOf(host, 'dpkg'), { timeout: 30_000 })
      .toMatch(/^Waiting for cache lock: Could not get/m);
    await release();
    expect(await upgrading).toMatchObject({ packages: [{ name: 'tool', to: String(version) }] });
  });

  it('is waited for when it is that of the package lists', async () => {
    await publish();
    await hold('/var/lib/apt/lists/lock');
    const upgrading = upgrade(host, 'lists');
    await expect.poll(() => logOf(host, 'lists'), { timeout: 30_000 }).toContain('lock /var/lib/apt/lists/lock');
    await release();
    expect(await upgrading).toMatchObject({ packages: [{ name: 'tool', to: String(version) }] });
  });

  it('is waited for when it is that of the downloads', async () => {
    await publish();
    await hold('/var/cache/apt/archives/lock');
    const upgrading = upgrade(host, 'downloads');
    await expect
      .poll(() => logOf(host, 'downloads'), { timeout: 30_000 })
      .toContain('lock /var/cache/apt/archives/lock');
    await release();
    expect(await upgrading).toMatchObject({ packages: [{ name: 'tool', to: String(version) }] });
  });

  it('does not hold up those who only look', async () => {
    await publish();
    await host.sh('apt-get -q update');
    await hold('/var/lib/dpkg/lock-frontend');
    const { pending } = await readHost(host.ssh, {
      stateDirectory: '/var/lib/caretaker',
      updates: true,
      timeoutMs: 30_000,
    });
    await release();
    const update = { name: 'tool', from: String(version - 1), to: String(version), security: false };
    expect(pending).toEqual({ value: [update] });
  });

  it('is waited for although the packages in work look like an interrupted dpkg', async () => {
    const postinst = 'echo "$2" >>/var/lib/configured; while ! test -f /run/go; do sleep 0.1; done';
    await world.repository.publish({ name: 'tool', version: String(++version), postinst });
    await host.sh('apt-get -q update && systemd-run -q --collect apt-get -q -y dist-upgrade');
    await expect.poll(() => host.sh('dpkg --audit'), { timeout: 30_000 }).toContain('only half configured');
    const upgrading = upgrade(host, 'two-runs');
    await expect.poll(() => logOf(host, 'two-runs'), { timeout: 30_000 }).toMatch(/^Waiting for cache lock/m);
    await host.sh('touch /run/go');
    expect(await upgrading).toEqual({ packages: [] });
    expect(await host.sh('cat /var/lib/configured')).toBe(`${version - 2}\n`);
  });

  it('fails the upgrade with the name of the lock and who holds it when nobody lets go of it', async () => {
    await publish();
    await host.sh(`cat >/usr/local/bin/apt-get <<'EOT'\n${IMPATIENT}EOT\nchmod +x /usr/local/bin/apt-get`);
    await hold('/var/lib/dpkg/lock-frontend');
    await expect(upgrade(host, 'never')).rejects.toMatchObject({
      type: 'UpgradeFailed',
      message: expect.stringContaining(
        `ended with exit code 100: E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), which is held by process ${await holder()} (perl)`,
      ) as string,
    });
    await release();
  });
});
