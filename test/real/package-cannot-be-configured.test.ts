import { beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { upgrade } from './machine/upgrade.ts';

describeOnRealHosts('a package whose script fails', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
    await world.repository.publish({ name: 'bad', version: '1' }, { name: 'needs-bad', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install bad needs-bad');
    await world.repository.publish(
      { name: 'bad', version: '2', postinst: 'echo run >>/var/lib/runs; test -f /run/mended' },
      { name: 'needs-bad', version: '2', depends: 'bad (>= 2)' },
    );
  });

  it('fails the upgrade, which names the package and the reason and not what depends on it', async () => {
    await expect(upgrade(host, 'fails')).rejects.toMatchObject({
      type: 'UpgradeFailed',
      message:
        `the upgrade of ${host.name} ended with exit code 100: bad: installed bad package post-installation script ` +
        'subprocess returned error exit status 1. ' +
        `Mend it on ${host.name} (dpkg --configure -a; apt-get dist-upgrade), then start again.`,
    });
  });

  it('fails the next upgrade as well as long as it is not mended', async () => {
    await expect(upgrade(host, 'fails-again')).rejects.toThrow(/: bad: installed bad package post-installation script/);
  });

  it('is configured by the next upgrade once it is mended', async () => {
    await host.sh('touch /run/mended');
    const { packages } = await upgrade(host, 'mended');
    expect(packages.map(({ name }) => name).sort()).toEqual(['bad', 'needs-bad']);
    expect(await host.sh('dpkg --audit')).toBe('');
  });
});
