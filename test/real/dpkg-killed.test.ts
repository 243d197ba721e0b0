import { beforeAll, beforeEach, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf, upgrade } from './machine/upgrade.ts';

/** Stops in a package script until the test says so; a run after the kill goes through. */
const STOP = 'echo stopped; test -f /run/go || sleep 600';
/** apt and dpkg themselves and all that they started, at once. */
const KILL = (unit: string): string => `systemctl kill --signal=KILL caretaker-${unit}.service`;

describeOnRealHosts('dpkg killed in the middle', (world) => {
  let host: Host;
  let version = 1;
  beforeAll(async () => {
    host = await world.boot();
    await world.repository.publish({ name: 'tool', version: '1' }, { name: 'service', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool service');
  });
  beforeEach(() => host.sh('rm -f /run/go'));

  async function killedWhileStopped(id: string): Promise<void> {
    const upgrading = upgrade(host, id);
    const failed = expect(upgrading).rejects.toThrow(/was killed/);
    await expect.poll(() => logOf(host, id), { timeout: 30_000 }).toContain('stopped');
    await host.sh(KILL(id));
    await failed;
    expect(await host.sh('dpkg --audit')).not.toBe('');
    await host.sh('touch /run/go');
  }
  async function expectAllUpgraded(): Promise<void> {
    expect(await host.sh('dpkg --audit')).toBe('');
    expect(await host.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' tool service")).toBe(
      `service ${version} installed\ntool ${version} installed\n`,
    );
  }

  it('while it configures is mended by the next upgrade', async () => {
    version = 2;
    await world.repository.publish(
      { name: 'tool', version: '2', postinst: STOP },
      { name: 'service', version: '2', depends: 'tool (>= 2)' },
    );
    await killedWhileStopped('configuring');
    await upgrade(host, 'after-configuring');
    await expectAllUpgraded();
  });

  it('while it unpacks is mended by the next upgrade', async () => {
    version = 3;
    await world.repository.publish(
      { name: 'tool', version: '3', preinst: STOP },
      { name: 'service', version: '3', depends: 'tool (>= 3), newcomer' },
      { name: 'newcomer', version: '3', preinst: STOP },
    );
    await killedWhileStopped('unpacking');
    await upgrade(host, 'after-unpacking');
    await expectAllUpgraded();
  });

  it('between a package and the one that it needs is mended by the next upgrade', async () => {
    version = 4;
    await world.repository.publish(
      { name: 'tool', version: '4', preinst: STOP },
      { name: 'service', version: '4', depends: 'tool (>= 4)' },
    );
    // As a kill leaves it that comes between two packages.
    await host.sh('apt-get -q update && cd /tmp && apt-get -q download service && dpkg --unpack service_4_all.deb');
    expect(await host.sh('dpkg --configure -a 2>&1 || true')).toContain('dependency problems');
    await host.sh('touch /run/go');
    await upgrade(host, 'between');
    await expectAllUpgraded();
  });
});
