import { beforeAll, expect, it } from 'vitest';
import type { HostReading } from '../../domain/host.ts';
import { judgeReboot } from '../../planning/reboot-required.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import { activitiesOn } from './machine/host-activities.ts';
import type { Host } from './machine/host.ts';

/** As Debian's and Ubuntu's packages do that want one. */
const ASK =
  'echo "*** System restart required ***" >/run/reboot-required; echo "$DPKG_MAINTSCRIPT_PACKAGE" >>/run/reboot-required.pkgs';

/** A program that does nothing instead of a reboot. */
const SWALLOW = `cat >/usr/local/bin/systemctl <<'EOT'
#!/bin/sh
[ "$1" = reboot ] || exec /bin/systemctl "$@"
EOT
chmod +x /usr/local/bin/systemctl`;

function bootOf({ boot }: HostReading): string {
  if ('unknown' in boot) throw new Error(boot.unknown);
  return boot.value;
}

describeOnRealHosts('a host that is rebooted', (world) => {
  let machine: Host;
  let container: Host;
  beforeAll(async () => {
    [machine, container] = await Promise.all([world.boot(), world.boot({ kind: 'container' })]);
    await world.repository.publish({ name: 'libc', version: '1' });
    for (const host of [machine, container]) await host.sh('apt-get -q update && apt-get -q -y install libc');
    await world.repository.publish({ name: 'libc', version: '2', postinst: ASK });
  });

  const on = (host: Host) => activitiesOn(host.connect({ connect: 1_000, keepAlive: 500 }));

  it.each([
    ['machine', () => machine],
    ['container, which has the boot id of its host,', () => container],
  ])('as a %s because a package asked for it is in another boot, proved, and is rebooted once', async (kind, which) => {
    const host = which();
    const { upgradeHost, readHostState, rebootHost } = on(host);
    const input = { jobId: 'patch', listsValidFor: '1 hour', cleanUp: false, within: '2 minutes' } as const;
    await upgradeHost({ host: host.name, ...input });
    const before = await readHostState({ host: host.name, updates: false });
    expect(before.reboot.flag).toEqual({ value: ['libc'] });
    if (kind === 'machine')
      expect(judgeReboot(before.reboot)).toEqual({ needed: true, because: ['libc asked for it'] });

    const boot = bootOf(before);
    const rebooted = await rebootHost({ host: host.name, boot, within: '1 minute' });
    expect(rebooted).toEqual({
      boot: expect.not.stringMatching(boot) as string,
      downSeconds: expect.any(Number) as number,
    });
    const [oldId, newId] = [boot, rebooted.boot].map((each) => each.split('/')[0]);
    expect(oldId === newId).toBe(kind !== 'machine');
    await host.ready();
    const after = await readHostState({ host: host.name, updates: false });
    expect(bootOf(after)).toBe(rebooted.boot);
    expect(after.reboot.flag).toEqual({ value: null });

    const again = await rebootHost({ host: host.name, boot, within: '1 minute' });
    expect(again).toEqual({ boot: rebooted.boot, downSeconds: null });
    expect(host.ends).toEqual(['reboot']);
  });

  it('by a command that something swallows has not been: the failure says what may be in the way', async () => {
    const { readHostState, rebootHost } = on(machine);
    await machine.sh(SWALLOW);
    const boot = bootOf(await readHostState({ host: machine.name, updates: false }));
    await expect(rebootHost({ host: machine.name, boot, within: '2 seconds' })).rejects.toMatchObject({
      type: 'RebootNotProven',
      message: expect.stringContaining(
        'still up with its old boot id (is something like molly-guard in the way?)',
      ) as string,
    });
    expect(machine.ends).toEqual(['reboot']);
  });
});
