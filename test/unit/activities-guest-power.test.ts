import { describe, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, fakeDeps, taskFailed, taskOk } from '../helpers/fake-deps.ts';
import { aWorld, proxmoxOf, silentAtFirst } from '../helpers/guest-world.ts';

describe('stopping and starting a guest', () => {
  const guest = { vmid: 100, kind: 'qemu', name: 'web', node: 'pve1', within: '1 minute' } as const;

  it('shuts it down in order and waits until it is down', async () => {
    const world = aWorld();
    world.migrations = [
      () => {
        world.place = { node: 'pve1', running: false, lock: undefined };
        return taskOk;
      },
    ];
    const shutdownGuest = () => Promise.resolve('shutdown');
    const { ensureGuestStopped } = activitiesOver(
      fakeDeps({ proxmox: { ...proxmoxOf(world, 'qemu'), shutdownGuest } }),
    );
    await activityEnvironment().run(ensureGuestStopped, guest);
    expect(world.calls).toEqual(['follow shutdown']);
  });

  it('does nothing to one that is down already or has gone elsewhere', async () => {
    for (const place of [{ running: false }, { node: 'pve2' }]) {
      const world = aWorld(place);
      const { ensureGuestStopped } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'qemu') }));
      await activityEnvironment().run(ensureGuestStopped, guest);
      expect(world.calls).toEqual([]);
    }
  });

  it('does not take one for down whose node does not answer', async () => {
    const world = aWorld();
    world.migrations = [
      () => {
        world.place = { node: 'pve1', running: false, lock: undefined };
        return taskOk;
      },
    ];
    const shutdownGuest = () => Promise.resolve('shutdown');
    const proxmox = silentAtFirst({ ...proxmoxOf(world, 'qemu'), shutdownGuest });
    const { ensureGuestStopped } = activitiesOver(fakeDeps({ proxmox }));
    await activityEnvironment().run(ensureGuestStopped, guest);
    expect(world.calls).toEqual(['follow shutdown']);
  });

  it('does not start one whose node does not answer', async () => {
    const world = aWorld();
    const { ensureGuestRunning } = activitiesOver(fakeDeps({ proxmox: silentAtFirst(proxmoxOf(world, 'qemu')) }));
    expect(await activityEnvironment().run(ensureGuestRunning, guest)).toEqual({ vmid: 100, node: 'pve1' });
    expect(world.calls).toEqual([]);
  });

  it('never forces one that does not obey, and says what to do', async () => {
    const world = aWorld();
    world.migrations = [() => taskFailed('VM quit/powerdown failed - got timeout')];
    const shutdownGuest = () => Promise.resolve('shutdown');
    const { ensureGuestStopped } = activitiesOver(
      fakeDeps({ proxmox: { ...proxmoxOf(world, 'qemu'), shutdownGuest } }),
    );
    await expect(activityEnvironment().run(ensureGuestStopped, { ...guest, within: '20 ms' })).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('Shut it down by hand') as string,
    });
  });

  it('starts one where it is now, and leaves one alone that runs', async () => {
    const world = aWorld({ node: 'pve3', running: false });
    const { ensureGuestRunning } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'qemu') }));
    expect(await activityEnvironment().run(ensureGuestRunning, guest)).toEqual({ vmid: 100, node: 'pve3' });
    expect(world.calls).toEqual(['start on pve3', 'follow start']);
    expect(await activityEnvironment().run(ensureGuestRunning, guest)).toEqual({ vmid: 100, node: 'pve3' });
    expect(world.calls).toHaveLength(2);
  });
});
