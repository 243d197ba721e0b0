import { describe, expect, it } from 'vitest';
import type { GuestLocation, HaManagerStatus, HaResource } from '../../clients/proxmox/index.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

type Place = Pick<GuestLocation, 'node' | 'status'>;

/** HA guests on pve1, look by look; the last place stays. `requested` is what HA was told to do with them. */
function haGuests(
  places: Readonly<Record<number, Place[]>>,
  requested: Readonly<Record<string, string>>,
  /** States that the HA manager reports, look by look; the last one stays. */
  states: Readonly<Record<string, string[]>> = {},
) {
  const guestLocation = (vmid: number): Promise<GuestLocation | undefined> => {
    const looks = places[vmid] ?? [];
    const place = looks.length > 1 ? looks.shift() : looks[0];
    const type = vmid < 200 ? 'qemu' : 'lxc';
    if (!place) return Promise.resolve(undefined);
    return Promise.resolve({
      ...{ vmid, type, name: undefined, lock: undefined, haManaged: true, running: place.status === 'running' },
      ...place,
    });
  };
  const none = { group: undefined, failback: undefined, maxRelocate: undefined, maxRestart: undefined };
  const haResources = (): Promise<HaResource[]> =>
    Promise.resolve(Object.entries(requested).map(([sid, state]) => ({ sid, state, ...none })));
  const haManagerStatus = (): Promise<HaManagerStatus> =>
    Promise.resolve({
      ...{ master: 'pve1', timestamp: 0, quorate: true, nodes: new Map(), maintenanceRequested: new Set() },
      ...{ lrm: new Map(), disarmed: false },
      services: Object.entries(states).map(([sid, looks]) => {
        const state = (looks.length > 1 ? looks.shift() : looks[0]) ?? 'started';
        return { sid, node: 'pve2', state, running: true, target: undefined, maintenanceNode: undefined };
      }),
    });
  return activitiesOver(fakeDeps({ proxmox: { guestLocation, haResources, haManagerStatus } }));
}

function wait(within: '1 minute' | '20 ms', ...vmids: number[]) {
  return { node: 'pve1', vmids, within };
}

const here: Place = { node: 'pve1', status: 'running' };
const there: Place = { node: 'pve2', status: 'running' };
const down: Place = { node: 'pve1', status: 'stopped' };

describe('guests that the HA manager moves', () => {
  it('are away when all of them run on other nodes', async () => {
    const { awaitHaGuestsAway } = haGuests({ 100: [here, here, there], 101: [there] }, {});
    expect(await activityEnvironment().run(awaitHaGuestsAway, wait('1 minute', 100, 101))).toEqual([
      { vmid: 100, node: 'pve2' },
      { vmid: 101, node: 'pve2' },
    ]);
  });

  it('are not taken for anything while their node does not answer', async () => {
    const { awaitHaGuestsAway } = haGuests({ 100: [{ node: 'pve1', status: 'unknown' }, there] }, {});
    expect(await activityEnvironment().run(awaitHaGuestsAway, wait('1 minute', 100))).toEqual([
      { vmid: 100, node: 'pve2' },
    ]);
  });

  it.each([
    ['stopped', { 'vm:100': 'stopped' }],
    ['disabled', { 'vm:100': 'disabled' }],
    ['ignored', { 'vm:100': 'ignored' }],
    ['removed from HA', {}],
  ])('are not waited for when their owner has %s them meanwhile and they are down', async (_, requested) => {
    const { awaitHaGuestsAway } = haGuests({ 100: [here, down] }, requested);
    expect(await activityEnvironment().run(awaitHaGuestsAway, wait('1 minute', 100))).toEqual([
      { vmid: 100, node: 'pve1' },
    ]);
  });

  it('are waited for when they are down only for their way, or told to stop and still running', async () => {
    const onItsWay = haGuests({ 200: [down] }, { 'ct:200': 'started' });
    await expect(activityEnvironment().run(onItsWay.awaitHaGuestsAway, wait('20 ms', 200))).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('200 is stopped on pve1') as string,
    });
    const stopping = haGuests({ 100: [here] }, { 'vm:100': 'stopped' });
    await expect(activityEnvironment().run(stopping.awaitHaGuestsAway, wait('20 ms', 100))).rejects.toMatchObject({
      message: expect.stringContaining('100 is running on pve1') as string,
    });
  });

  it.each(['migrate', 'relocate', 'freeze', 'recovery'])(
    'have not arrived while the HA manager says "%s", though they run there already',
    async (state) => {
      const looks = [state, state, 'started'];
      const { awaitHaGuestsAway } = haGuests({ 100: [there] }, {}, { 'vm:100': looks });
      await activityEnvironment().run(awaitHaGuestsAway, wait('1 minute', 100));
      expect(looks).toEqual(['started']);
    },
  );

  it('are given up at once when the HA manager has given them up', async () => {
    const { awaitHaGuestsAway } = haGuests({ 100: [here], 101: [there] }, {}, { 'vm:100': ['error'] });
    await expect(activityEnvironment().run(awaitHaGuestsAway, wait('1 minute', 100, 101))).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      nonRetryable: true,
      message: expect.stringContaining('has given up 100 (state "error")') as string,
    });
  });

  it('are home when they run there again or their owner stopped them', async () => {
    const { awaitHaGuestsHome } = haGuests(
      { 100: [there, here], 101: [{ node: 'pve2', status: 'stopped' }] },
      { 'vm:100': 'started', 'vm:101': 'stopped' },
    );
    expect(await activityEnvironment().run(awaitHaGuestsHome, wait('1 minute', 100, 101))).toEqual([
      { vmid: 100, node: 'pve1' },
      { vmid: 101, node: 'pve2' },
    ]);
  });
});
