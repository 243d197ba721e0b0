import { beforeAll, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf, upgrade } from './machine/upgrade.ts';

const ENDLESS = 'echo begun; while :; do sleep 0.1; done';
const job = (id: string, command = ENDLESS) => ({ id, command, timeoutSeconds: 60, description: id });

describeOnRealHosts('a host that reboots in the middle of a job', (world) => {
  let host: Host;
  let container: Host;
  beforeAll(async () => {
    [host, container] = await Promise.all([world.boot(), world.boot({ kind: 'container' })]);
  });

  async function begun(on: Host, id: string): Promise<void> {
    await on.jobs.ensureStarted(job(id));
    await expect.poll(async () => (await on.jobs.read({ id })).log).toBe('begun\n');
  }

  it.each(['reboot', 'power-cut'] as const)(
    'by a %s has lost it, and starts it under no circumstances again',
    async (how) => {
      await begun(host, how);
      const boots = host.ends.length;
      if (how === 'power-cut') await host.cutPower();
      // The connection may end before the answer.
      else await host.sh('systemctl reboot').catch(() => undefined);
      await expect.poll(() => host.ends.slice(boots), { timeout: 30_000 }).toEqual([how]);
      await host.ready();
      expect(await host.jobs.read({ id: how })).toMatchObject({ state: 'lost-to-reboot', log: 'begun\n' });
      expect(await host.jobs.ensureStarted(job(how))).toBe('lost-to-reboot');
    },
  );

  it('has lost it too if it is a container, whose boot id stays that of its host', async () => {
    await begun(container, 'container');
    const bootId = await container.sh('cat /proc/sys/kernel/random/boot_id');
    await container.cutPower();
    await container.ready();
    expect(await container.sh('cat /proc/sys/kernel/random/boot_id')).toBe(bootId);
    expect(await container.jobs.read({ id: 'container' })).toMatchObject({ state: 'lost-to-reboot' });
  });

  it('keeps the result of a job that had ended', async () => {
    await host.jobs.ensureStarted(job('ended', 'echo result; exit 3'));
    await host.jobs.follow({ id: 'ended', pollMs: 50 });
    await host.cutPower();
    await host.ready();
    expect(await host.jobs.read({ id: 'ended' })).toMatchObject({ state: 'finished', exitCode: 3, log: 'result\n' });
  });

  it('is upgraded to the end by a second job when the first was lost to a power cut', async () => {
    await world.repository.publish({ name: 'tool', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool');
    const postinst = 'echo "$2" >>/var/lib/configured; sync; test -f /var/lib/go || sleep 600';
    await world.repository.publish({ name: 'tool', version: '2', postinst });
    const upgrading = upgrade(host, 'upgrade');
    await expect.poll(() => logOf(host, 'upgrade'), { timeout: 30_000 }).toContain('Setting up tool (2)');
    await host.sh('touch /var/lib/go; sync');
    await host.cutPower();
    expect((await upgrading).packages).toMatchObject([{ name: 'tool', to: '2' }]);
    expect(await host.sh('dpkg --audit')).toBe('');
    expect((await host.jobs.read({ id: 'upgrade' })).state).toBe('lost-to-reboot');
    expect((await host.jobs.read({ id: 'upgrade-2' })).state).toBe('finished');
  });

  it('is rebooted out of one boot by the activity, once', async () => {
    const { ssh } = host.connect({ connect: 1_000 });
    const deps = { ...fakeDeps({}), ssh: () => ssh, polling: { intervalMs: 200, stablePolls: 1 } };
    const bootId = (await host.sh('cat /proc/sys/kernel/random/boot_id')).trim();
    const boots = host.ends.length;
    const input = { node: host.name, bootId, within: '2 minutes' } as const;
    const { rebootNode } = activitiesOver(deps);
    const after = await activityEnvironment().run(rebootNode, input);
    expect(after.bootId).not.toBe(bootId);
    expect(await activityEnvironment().run(rebootNode, input)).toEqual(after);
    expect(host.ends.slice(boots)).toEqual(['reboot']);
  });
});
