import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ProxmoxClient, TaskListing } from '../../clients/proxmox/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import type { GuestTier, PowerGate } from '../../domain/outage.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { failed, fakeGuests, worldOfGuests, type FakeGuests } from '../helpers/fake-guests.ts';
import { aGate, fakePowerDeps, NO_ANSWER, powerActivitiesOver, type FakePower } from '../helpers/fake-power.ts';

const TIER: GuestTier = [
  { vmid: 100, kind: 'qemu', name: 'web', timeout: 60 },
  { vmid: 200, kind: 'lxc', name: 'dns', timeout: 30 },
];

interface How {
  readonly gate?: Partial<PowerGate>;
  readonly within?: number;
  readonly attempt?: number;
  readonly heartbeatDetails?: unknown;
}

function stop(node: FakeGuests, world: FakePower = {}, { gate = {}, within = 75, ...info }: How = {}) {
  const { stopGuests } = powerActivitiesOver(fakePowerDeps({ ...worldOfGuests(node), ...world }));
  return activityEnvironment(info).run(stopGuests, { node: 'pve2', tier: TIER, within, gate: aGate(gate) });
}

afterEach(() => vi.useRealTimers());

/** As on a real site. */
const PACE = { intervalMs: 2_000, stablePolls: 2 };

const both = () => fakeGuests({ 100: {}, 200: {} });
const TOLD_BY_API = [
  'shutdown 100 {"timeoutSeconds":60,"forceStop":true}',
  'shutdown 200 {"timeoutSeconds":30,"forceStop":true}',
];

describe('a tier of guests', () => {
  it('is told at once, each guest by one call, however many there are', async () => {
    const vmids = Array.from({ length: 22 }, (_, index) => 101 + index);
    const node = fakeGuests(Object.fromEntries(vmids.map((vmid) => [vmid, { obeys: vmid % 5 }])));
    const tier: GuestTier = vmids.map((vmid) => ({ vmid, kind: 'qemu', name: `vm-${vmid}`, timeout: 60 }));
    const { stopGuests } = powerActivitiesOver(fakePowerDeps(worldOfGuests(node)));
    const ended = await activityEnvironment().run(stopGuests, { node: 'pve2', tier, within: 75, gate: aGate() });
    expect(ended).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(vmids.map((vmid) => `shutdown ${vmid} {"timeoutSeconds":60,"forceStop":true}`));
  });

  it('is shut down at once, and each guest stopped after its time', async () => {
    const node = both();
    expect(await stop(node)).toEqual({
      outcome: 'done',
      words: 'web (100), dns (200): down',
      guests: [
        { vmid: 100, name: 'web', stopped: true, forced: false, words: 'shut down' },
        { vmid: 200, name: 'dns', stopped: true, forced: false, words: 'shut down' },
      ],
    });
    expect(node.calls).toEqual(TOLD_BY_API);
  });

  it('is left alone with the mains on, without a single call', async () => {
    const { stopGuests } = powerActivitiesOver(fakePowerDeps({ ups: ['OL'], proxmox: {} }));
    const input = { node: 'pve2', tier: TIER, within: 75, gate: aGate() };
    expect(await activityEnvironment().run(stopGuests, input)).toEqual({
      outcome: 'mains-on',
      words: 'ups says "OL"',
      guests: [],
    });
  });

  it('is left alone when nobody knows of the mains, but for who decided without', async () => {
    const node = both();
    expect(await stop(node, { ups: [NO_ANSWER] })).toMatchObject({ outcome: 'no-sample', guests: [] });
    expect(node.calls).toEqual([]);
    expect(await stop(node, { ups: [NO_ANSWER] }, { gate: { blind: true } })).toMatchObject({ outcome: 'done' });
  });

  it('is only read in a rehearsal', async () => {
    const node = fakeGuests({ 100: {}, 200: { running: false } });
    expect(await stop(node, { ups: ['OL'] }, { gate: { rehearsal: true } })).toEqual({
      outcome: 'done',
      words: 'would shut down web (100) on pve2',
      guests: [
        { vmid: 100, name: 'web', stopped: false, forced: false, words: 'would be shut down within 60 s' },
        { vmid: 200, name: 'dns', stopped: true, forced: false, words: 'is down' },
      ],
    });
    expect(node.calls).toEqual([]);
  });

  it('needs nothing for a guest that is down, or has gone to another node', async () => {
    const node = fakeGuests({ 100: { running: false } });
    expect(await stop(node)).toMatchObject({
      outcome: 'done',
      guests: [{ words: 'is down' }, { stopped: true, words: 'is not on this node any more' }],
    });
    expect(node.calls).toEqual([]);
  });

  it('tells of a guest that had to be stopped', async () => {
    const node = fakeGuests({ 100: {}, 200: { running: false } }, { forcedLog: true });
    expect(await stop(node)).toMatchObject({
      outcome: 'done',
      guests: [{ forced: true, words: 'did not shut down in time and was stopped' }, { forced: false }],
    });
  });

  it('is given no more time than is left', async () => {
    const node = both();
    await stop(node, {}, { within: 25 });
    expect(node.calls).toEqual([
      'shutdown 100 {"timeoutSeconds":19,"forceStop":true}',
      'shutdown 200 {"timeoutSeconds":19,"forceStop":true}',
    ]);
  });

  it('gives a guest ten seconds though less is left: its node goes on with it', async () => {
    const node = both();
    await stop(node, {}, { within: 1 });
    expect(node.calls).toEqual([
      'shutdown 100 {"timeoutSeconds":10,"forceStop":true}',
      'shutdown 200 {"timeoutSeconds":10,"forceStop":true}',
    ]);
  });

  it('does not wait for a shutdown that somebody else began without an end: the guest is stopped after its time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const node = fakeGuests({ 100: { task: 'UPID:theirs', obeys: 'when forced' }, 200: { running: false } });
    const { stopGuests } = powerActivitiesOver({ ...fakePowerDeps(worldOfGuests(node)), polling: PACE });
    const input = { node: 'pve2', tier: TIER, within: 75, gate: aGate() };
    const stopping = activityEnvironment().run(stopGuests, input);
    await vi.advanceTimersByTimeAsync(64_000);
    expect(node.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(await stopping).toMatchObject({ outcome: 'done', guests: [{ forced: true }, {}] });
    expect(node.calls).toEqual(['stop 100 {"overruleShutdown":true}']);
  });
});

describe('a worker that dies between two lines', () => {
  it('leaves shutdowns that the next attempt follows, and tells nobody twice', async () => {
    const node = fakeGuests({ 100: { task: 'UPID:100' }, 200: {} });
    expect(await stop(node, {}, { attempt: 2 })).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual([TOLD_BY_API[1]]);
  });

  it('is followed by one that looks at the UPS again', async () => {
    const node = fakeGuests({ 100: { task: 'UPID:100' }, 200: {} });
    expect(await stop(node, { ups: ['OL'] }, { attempt: 2 })).toMatchObject({ outcome: 'mains-on' });
    expect(node.calls).toEqual([]);
  });

  it('has used up its part of the time', async () => {
    const node = both();
    await stop(node, {}, { attempt: 2, heartbeatDetails: { spent: 50_000 } });
    expect(node.calls).toEqual([
      'shutdown 100 {"timeoutSeconds":19,"forceStop":true}',
      'shutdown 200 {"timeoutSeconds":19,"forceStop":true}',
    ]);
  });

  it('leaves units on the node, of which none is started twice', async () => {
    const node = fakeGuests({ 100: { task: 'unit' }, 200: {} }, { api: 'dead' });
    expect(await stop(node, {}, { attempt: 2 })).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['pct shutdown 200 --timeout 30 --forceStop 1']);
  });
});

describe('a node whose API is dead', () => {
  it('is told over SSH', async () => {
    const node = fakeGuests({ 100: {}, 200: {} }, { api: 'dead' });
    expect(await stop(node)).toMatchObject({ outcome: 'done', guests: [{ stopped: true }, { stopped: true }] });
    expect(node.calls).toEqual([
      'qm shutdown 100 --timeout 60 --forceStop 1',
      'pct shutdown 200 --timeout 30 --forceStop 1',
    ]);
  });

  it.each([
    [401, 'authentication failure'],
    [500, 'unable to fork worker'],
    [503, 'Service Unavailable'],
    [595, 'No route to host'],
    [596, 'Broken pipe'],
  ])('is told over SSH when it answers %i (%s)', async (status, reason) => {
    const node = fakeGuests({ 100: {}, 200: {} }, { api: failed(reason, status) });
    expect(await stop(node)).toMatchObject({ outcome: 'done', guests: [{ stopped: true }, { stopped: true }] });
    expect(node.calls).toEqual([
      'qm shutdown 100 --timeout 60 --forceStop 1',
      'pct shutdown 200 --timeout 30 --forceStop 1',
    ]);
  });

  it('is told over SSH within one login, though it has 22 guests', async () => {
    const vmids = Array.from({ length: 22 }, (_, index) => 101 + index);
    const node = fakeGuests(Object.fromEntries(vmids.map((vmid) => [vmid, {}])), { api: 'dead' });
    const tier: GuestTier = vmids.map((vmid) => ({ vmid, kind: 'lxc', name: `ct-${vmid}`, timeout: 60 }));
    const world = worldOfGuests(node);
    let logins = 0;
    const exec: FakePower['exec'] = (name, script) => {
      if (script.includes('shutdown')) logins += 1;
      return world.exec?.(name, script) ?? Promise.reject(new Error('no shell'));
    };
    const { stopGuests } = powerActivitiesOver(fakePowerDeps({ ...world, exec }));
    const ended = await activityEnvironment().run(stopGuests, { node: 'pve2', tier, within: 75, gate: aGate() });
    expect(ended.guests.filter(({ stopped }) => stopped)).toHaveLength(22);
    expect(node.calls).toHaveLength(22);
    expect(logins).toBe(1);
  });

  it('and whose SSH key has changed is given up with what is wrong, and not told by somebody who pretends', async () => {
    const ssh = new SshError('SshHostKeyChanged', 'refused', 'root@pve2:22', 'the host key is another');
    const node = fakeGuests({ 100: {}, 200: {} }, { api: 'dead', ssh });
    expect(await stop(node)).toMatchObject({ outcome: 'failed', words: expect.stringMatching(/host key/) as string });
    expect(node.calls).toEqual([]);
  });

  it('is told over SSH about a guest that the API refuses', async () => {
    const node = fakeGuests({ 100: { refusals: [failed('unable to fork worker')] }, 200: {} });
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual([TOLD_BY_API[1], 'qm shutdown 100 --timeout 60 --forceStop 1']);
  });

  it('that dies in the middle is looked at over SSH', async () => {
    const node = both();
    const world = worldOfGuests(node);
    let calls = 0;
    const own = world.proxmox?.with?.({});
    const dying: FakePower['proxmox'] = {
      with: () => {
        if (++calls > 8) node.api = 'dead';
        return own as ProxmoxClient;
      },
    };
    expect(await stop(node, { proxmox: dying })).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(TOLD_BY_API);
  });

  it('and that answers over SSH neither is given up', async () => {
    const node = fakeGuests({ 100: {}, 200: {} }, { api: 'dead', ssh: 'dead' });
    expect(await stop(node)).toMatchObject({
      outcome: 'failed',
      words: expect.stringMatching(
        /^pve2 answers neither by its API nor over SSH \(.*ETIMEDOUT.*no connection\)$/,
      ) as string,
      guests: [{ stopped: false, words: expect.stringMatching(/^not known: /) as string }, { stopped: false }],
    });
  });
});

describe('mains that come back in the middle', () => {
  it('keep what was not told yet as it is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const node = fakeGuests({ 100: { lock: 'snapshot' }, 200: {} });
    const deps = fakePowerDeps({ ...worldOfGuests(node), ups: ['OB', 'OB', 'OL'] });
    const { stopGuests } = powerActivitiesOver({ ...deps, polling: PACE });
    const input = { node: 'pve2', tier: TIER, within: 75, gate: aGate() };
    const stopping = activityEnvironment().run(stopGuests, input);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await stopping).toMatchObject({
      outcome: 'mains-on',
      guests: [{ stopped: false }, { stopped: true, words: 'shut down' }],
    });
    expect(node.calls).toEqual([TOLD_BY_API[1]]);
  });
});

describe('a guest that something else holds', () => {
  const backup = (id: string): TaskListing => ({
    ...{ upid: `UPID:vzdump:${id}`, node: 'pve2', type: 'vzdump', id, user: 'root@pam', startTime: 0 },
    ...{ endTime: undefined, status: undefined, running: true },
  });

  it('by a backup is shut down after the backup was broken off', async () => {
    const node = fakeGuests(
      { 100: { lock: 'backup' }, 200: { running: false } },
      { backups: [backup('101'), backup('100')] },
    );
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['stop task UPID:vzdump:100', TOLD_BY_API[0]]);
  });

  it('by a backup of several guests is shut down after that was broken off', async () => {
    const node = fakeGuests(
      { 100: { lock: 'backup' }, 200: { running: false } },
      { backups: [backup('101'), backup('')] },
    );
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['stop task UPID:vzdump:', TOLD_BY_API[0]]);
  });

  it('for a moment is told again with the next look', async () => {
    const node = fakeGuests({ 100: { refusals: [failed("can't lock file - got timeout")] }, 200: { running: false } });
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual([TOLD_BY_API[0]]);
  });

  it('for longer is told as what it is, and holds up nothing', async () => {
    const node = fakeGuests({ 100: { lock: 'snapshot' }, 200: {} });
    expect(await stop(node, {}, { within: 0.1 })).toMatchObject({
      outcome: 'failed',
      words: 'still up on pve2: web (100)',
      guests: [{ stopped: false, words: expect.stringContaining('locked (snapshot)') as string }, { stopped: true }],
    });
  });
});

describe('a guest under HA', () => {
  it('is stopped by the HA manager', async () => {
    const node = fakeGuests({ 100: { ha: true }, 200: { running: false } });
    expect(await stop(node)).toMatchObject({ guests: [{ words: 'shut down, by the HA manager' }, {}] });
    expect(node.calls).toEqual([TOLD_BY_API[0]]);
  });

  it('is taken from a disarmed HA manager, which would do nothing', async () => {
    const node = fakeGuests({ 100: { ha: true }, 200: { running: false } }, { haDisarmed: true });
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['HA vm:100 ignored', TOLD_BY_API[0]]);
  });

  it('is taken from an HA manager that is disarmed after it was asked, with the next look', async () => {
    const node = fakeGuests({ 100: { ha: true, obeys: 4 }, 200: { running: false } }, { looksUntilDisarmed: 2 });
    expect(await stop(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual([TOLD_BY_API[0], 'HA vm:100 ignored', TOLD_BY_API[0]]);
  });
});
