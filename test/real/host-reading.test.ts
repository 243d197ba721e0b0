import { beforeAll, expect, it } from 'vitest';
import { readHost } from '../../activities/host.ts';
import { judgeReboot } from '../../planning/reboot-required.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';

const OPTIONS = { stateDirectory: '/var/lib/caretaker', updates: true, timeoutMs: 60_000 };

describeOnRealHosts('a host that is read', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
    await world.repository.publish({ name: 'tool', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool');
    await world.repository.publish({ name: 'tool', version: '2' });
  });

  it('tells of the updates that its lists know and how old these are', async () => {
    expect((await readHost(host.ssh, OPTIONS)).pending).toEqual({ value: [] });
    await host.sh('apt-get -q update');
    await host.sh('touch -d "3 hours ago" /var/lib/apt/lists');
    const reading = await readHost(host.ssh, OPTIONS);

    expect(reading.system).toMatch(/^Debian GNU\/Linux/);
    expect(reading.pending).toEqual({ value: [{ name: 'tool', from: '1', to: '2', security: false }] });
    expect(reading.listsAge).toEqual({ value: expect.closeTo(10_800, -2) as unknown });
  });

  it('has lists as old as the last refresh of which there is a stamp', async () => {
    await host.sh('echo $(($(date +%s) - 7200)) >/var/lib/caretaker/lists-refreshed');
    expect((await readHost(host.ssh, OPTIONS)).listsAge).toEqual({ value: expect.closeTo(7_200, -2) as unknown });
    await host.sh('mkdir -p /var/lib/apt/periodic; touch -d "1 hour ago" /var/lib/apt/periodic/update-success-stamp');
    expect((await readHost(host.ssh, OPTIONS)).listsAge).toEqual({ value: expect.closeTo(3_600, -2) as unknown });
  });

  it('names the Docker containers that run and would be started again, where there is Docker', async () => {
    expect((await readHost(host.ssh, OPTIONS)).containers).toEqual({ value: null });
    await host.sh(`cat >/usr/local/bin/docker <<'END'
#!/bin/sh
case $1 in
  ps) printf '%s\\n' frigate mqtt one-off ;;
  inspect) shift 3; for name; do [ "$name" = one-off ] && echo "no /$name" || echo "always /$name"; done ;;
esac
END
chmod +x /usr/local/bin/docker`);
    expect((await readHost(host.ssh, OPTIONS)).containers).toEqual({ value: ['frigate', 'mqtt'] });
  });

  it('wants a reboot once a package has asked for it', async () => {
    expect(judgeReboot((await readHost(host.ssh, OPTIONS)).reboot)).toEqual({ needed: false, because: [] });
    await host.sh(
      'echo "*** System restart required ***" >/run/reboot-required; echo libc6 >/run/reboot-required.pkgs',
    );
    expect(judgeReboot((await readHost(host.ssh, OPTIONS)).reboot)).toEqual({
      needed: true,
      because: ['libc6 asked for it'],
    });
  });
});
