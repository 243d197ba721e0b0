import { beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { upgrade } from './machine/upgrade.ts';

const COUNT = 'echo "$2" >>/var/lib/configured';
const TELL = 'echo "$DEBIAN_FRONTEND $NEEDRESTART_MODE" >/var/lib/told';

describeOnRealHosts('an upgrade by the real apt and dpkg', (world) => {
  let host: Host;
  beforeAll(async () => {
    await world.repository.publish(
      { name: 'tool', version: '1:2.0-1', postinst: COUNT },
      { name: 'service', version: '1.0', conffiles: { '/etc/service.conf': 'color=red\n' } },
      { name: 'pinned', version: '1.0' },
    );
    host = await world.boot();
    await host.sh('apt-get -q update && apt-get -q -y install tool service pinned');
    await host.sh('apt-mark hold pinned && echo color=mine >/etc/service.conf');
    await world.repository.publish(
      { name: 'tool', version: '1:2.1-1', depends: 'library', postinst: COUNT },
      { name: 'library', version: '7~beta1', postinst: TELL },
      { name: 'service', version: '1.1', conffiles: { '/etc/service.conf': 'color=blue\n' } },
      { name: 'pinned', version: '1.1' },
    );
  });

  it('tells which versions became which, and which packages are new', async () => {
    const { packages } = await upgrade(host, 'first');
    expect([...packages].sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'library', from: null, to: '7~beta1' },
      { name: 'service', from: '1.0', to: '1.1' },
      { name: 'tool', from: '1:2.0-1', to: '1:2.1-1' },
    ]);
  });

  it('keeps a configuration file that the administrator changed, and has the new one beside it', async () => {
    expect(await host.sh('cat /etc/service.conf')).toBe('color=mine\n');
    expect(await host.sh('cat /etc/service.conf.dpkg-dist')).toBe('color=blue\n');
  });

  it('lets needrestart list services and restart none', async () => {
    expect(await host.sh('cat /var/lib/told')).toBe('noninteractive l\n');
  });

  it('leaves a held package as it is', async () => {
    expect(await host.sh("dpkg-query -W -f '${Version}' pinned")).toBe('1.0');
  });

  it('is done once under one name, and finds nothing to do under another', async () => {
    expect((await upgrade(host, 'first')).packages).toHaveLength(3);
    expect((await upgrade(host, 'second')).packages).toEqual([]);
    expect(await host.sh('cat /var/lib/configured')).toBe('\n1:2.0-1\n');
  });
});
