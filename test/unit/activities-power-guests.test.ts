import { describe, expect, it } from 'vitest';
import type { Duration } from '../../domain/duration.ts';
import type { PowerGate } from '../../domain/outage.ts';
import { activityEnvironment, taskFailed } from '../helpers/fake-deps.ts';
import {
  aGate,
  fakePowerDeps,
  NO_ANSWER,
  powerActivitiesOver,
  thePower,
  type FakePower,
} from '../helpers/fake-power.ts';
import { aWorld, neverEnding, proxmoxOf, type GuestWorld } from '../helpers/guest-world.ts';

const plex = { vmid: 100, kind: 'qemu', name: 'plex', timeout: 60 } as const;

function moveAway(world: FakePower, within: Duration = '1 minute', gate: Partial<PowerGate> = {}) {
  const { moveGuestAway } = powerActivitiesOver(fakePowerDeps({ charge: 80, ...world }));
  const input = { guest: plex, from: 'pve1', to: 'pve2', within, gate: aGate(gate) };
  return activityEnvironment().run(moveGuestAway, input);
}

describe('moving a guest to a node that stays', () => {
  it('is done while the UPS is on battery', async () => {
    const world = aWorld();
    expect(await moveAway({ proxmox: proxmoxOf(world, 'qemu') })).toEqual({
      outcome: 'done',
      words: 'moved plex (100) from pve1 to pve2',
    });
    expect(world.calls).toEqual([
      'migrate pve1 {"target":"pve2","online":true,"withLocalDisks":true}',
      'follow migrate',
    ]);
  });

  it('is not begun with the mains on, or in a rehearsal', async () => {
    expect(await moveAway({ ups: ['OL'], proxmox: {} })).toMatchObject({ outcome: 'mains-on' });
    expect(await moveAway({ ups: ['OL'], proxmox: {} }, '1 minute', { rehearsal: true })).toEqual({
      outcome: 'done',
      words: 'would move plex (100) from pve1 to pve2',
    });
  });

  it('is not begun below the charge that is configured, by the look right before it, nor without a charge', async () => {
    expect(thePower().guests.migrateAbove).toBe(50);
    expect(await moveAway({ charge: 49, proxmox: {} })).toEqual({
      outcome: 'failed',
      words: 'did not move plex (100) from pve1 to pve2: the charge is 49 %, and below 50 % no guest is moved',
    });
    expect(await moveAway({ charge: 50, proxmox: proxmoxOf(aWorld(), 'qemu') })).toMatchObject({ outcome: 'done' });
    expect(await moveAway({ ups: [NO_ANSWER], proxmox: {} }, '1 minute', { blind: true })).toMatchObject({
      outcome: 'failed',
      words: expect.stringContaining('reports no charge') as string,
    });
  });

  it('is broken off when it takes too long, so that the guest can be shut down', async () => {
    const world = aWorld();
    const { proxmox } = neverEnding(proxmoxOf(world, 'qemu'));
    const stopped: string[] = [];
    const task: FakePower['proxmox'] = {
      ...proxmox,
      migrateGuest: () => Promise.resolve((world.runningTask = 'migrate')),
      task: (upid) => ({ ...proxmox.task(upid), stop: () => Promise.resolve(void stopped.push(upid)) }),
    };
    expect(await moveAway({ proxmox: task }, '30 ms')).toEqual({
      outcome: 'failed',
      words: expect.stringMatching(/^Waited 30 ms .*the migration still runs.* the move was broken off$/) as string,
    });
    expect(stopped).toEqual(['migrate']);
  });

  it('that fails for good is told', async () => {
    const world = aWorld();
    world.migrations = [() => taskFailed('no space left on pve2')];
    expect(await moveAway({ proxmox: proxmoxOf(world, 'qemu') })).toMatchObject({
      outcome: 'failed',
      words: expect.stringContaining('no space left on pve2') as string,
    });
  });
});

describe('starting guests', () => {
  const guests = [{ vmid: 100, kind: 'qemu', name: 'plex', node: 'pve1' }] as const;

  function start(world: GuestWorld, within: Duration = '1 minute', rehearsal = false) {
    const { startGuests } = powerActivitiesOver(fakePowerDeps({ proxmox: proxmoxOf(world, 'qemu') }));
    return activityEnvironment().run(startGuests, { guests, within, rehearsal });
  }

  it('is done where they are now', async () => {
    const world = aWorld({ node: 'pve2', running: false });
    expect(await start(world)).toEqual([{ vmid: 100, name: 'plex', running: true, words: 'runs on pve2' }]);
    expect(world.calls).toEqual(['start on pve2', 'follow start']);
  });

  it('tells of one that does not come up, or is gone, and goes on with the others', async () => {
    const world = aWorld({ running: false });
    const proxmox = { ...proxmoxOf(world, 'qemu') };
    const locate = proxmox.guestLocation;
    const { startGuests } = powerActivitiesOver(
      fakePowerDeps({
        proxmox: { ...proxmox, guestLocation: async (vmid) => (vmid === 101 ? undefined : locate?.(vmid)) },
      }),
    );
    const started = await activityEnvironment().run(startGuests, {
      guests: [{ vmid: 101, kind: 'qemu', name: 'removed', node: 'pve1' }, ...guests],
      within: '1 minute',
      rehearsal: false,
    });
    expect(started).toMatchObject([
      { vmid: 101, running: false, words: expect.stringContaining('no longer exists') as string },
      { vmid: 100, running: true },
    ]);
  });

  it('lets one down first that is still on its way', async () => {
    const world = aWorld({ running: true });
    let looks = 0;
    const findRunningTask: FakePower['proxmox'] = {
      findRunningTask: ({ type }) => {
        if (type !== 'qmshutdown') return Promise.resolve(undefined);
        looks += 1;
        if (looks < 3) return Promise.resolve('UPID');
        world.place = { node: 'pve1', running: false, lock: undefined };
        return Promise.resolve(undefined);
      },
    };
    const { startGuests } = powerActivitiesOver(
      fakePowerDeps({ proxmox: { ...proxmoxOf(world, 'qemu'), ...findRunningTask } }),
    );
    const input = { guests, within: '1 minute', rehearsal: false } as const;
    expect(await activityEnvironment().run(startGuests, input)).toMatchObject([{ running: true }]);
    expect(world.calls).toEqual(['start on pve1', 'follow start']);
  });

  it('is only told in a rehearsal', async () => {
    const world = aWorld({ running: false });
    expect(await start(world, '1 minute', true)).toEqual([
      { vmid: 100, name: 'plex', running: false, words: 'would be started on pve1' },
    ]);
    expect(world.calls).toEqual([]);
  });
});
