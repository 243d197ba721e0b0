import { afterEach, describe, expect, it } from 'vitest';
import type { GuestTier, PowerGate } from '../../domain/outage.ts';
import { containerSpec, smallSite, upsSpec, vmSpec, type GuestSpec } from '../../lab/index.ts';
import type { Site } from '../../lab/site.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labPowerActivities, type LabPowerActivities } from '../helpers/lab-power-activities.ts';

let world: LabPowerActivities | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const GATE: PowerGate = { ups: 'ups', blind: false, boot: null, rehearsal: false };
const WEB = { vmid: 201, kind: 'qemu', name: 'web', timeout: 120 } as const;
const TIER: GuestTier = [WEB, { vmid: 202, kind: 'lxc', name: 'files', timeout: 60 }];

const web = (changes: Partial<GuestSpec> = {}) => vmSpec(201, 'web', 'pve2', changes);
const files = containerSpec(202, 'files', 'pve2', { startup: 'order=2' });

/** The mains are off. */
async function outage(changes: Partial<Site> = {}): Promise<LabPowerActivities> {
  world = await labPowerActivities(smallSite({ overrides: { guests: [web(), files], replication: [], ...changes } }));
  world.lab.ups.device.setMains(false);
  return world;
}

const environment = () => activityEnvironment();
const running = ({ lab }: LabPowerActivities) => [201, 202].filter((vmid) => lab.guest(vmid).running);

describe('in an outage', () => {
  it('a tier of guests is shut down, and not with the mains on', async () => {
    const { lab, activities } = await outage();
    lab.ups.device.setMains(true);
    const input = { node: 'pve2', tier: TIER, within: 135, gate: GATE };
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({ outcome: 'mains-on' });
    lab.ups.device.setMains(false);
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({
      outcome: 'done',
      guests: [
        { vmid: 201, stopped: true, forced: false, words: 'shut down' },
        { vmid: 202, stopped: true, forced: false, words: 'shut down' },
      ],
    });
    expect(lab.log.of('guest.stop').map(({ subject }) => subject)).toHaveLength(2);
  });

  it('a guest that ignores its shutdown is stopped after its time', async () => {
    const world = await outage({ guests: [web({ ignoresShutdown: true }), files] });
    const tier = TIER.map((guest) => ({ ...guest, timeout: 10 }));
    expect(
      await environment().run(world.activities.stopGuests, { node: 'pve2', tier, within: 30, gate: GATE }),
    ).toMatchObject({ outcome: 'done', guests: [{ forced: true }, { forced: false }] });
    expect(running(world)).toEqual([]);
  });

  it('the guests of a node whose API is dead are shut down over SSH', async () => {
    const world = await outage({ guests: [web({ ignoresShutdown: true }), files] });
    world.lab.node('pve2').setApi(false);
    const tier = TIER.map((guest) => ({ ...guest, timeout: 10 }));
    expect(
      await environment().run(world.activities.stopGuests, { node: 'pve2', tier, within: 60, gate: GATE }),
    ).toMatchObject({ outcome: 'done', guests: [{ stopped: true }, { stopped: true }] });
    expect(running(world)).toEqual([]);
  });

  it('a backup that holds a guest is broken off', async () => {
    const world = await outage();
    const { lab, activities } = world;
    const task = lab.cluster.backupTask(lab.node('pve2'), [lab.guest(201), lab.guest(202)], 'root@pam');
    await expect.poll(() => lab.guest(201).lock).toBe('backup');
    const input = { node: 'pve2', tier: TIER, within: 135, gate: GATE };
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({ outcome: 'done' });
    expect(task.exitStatus).toBe('interrupted by signal');
    expect(running(world)).toEqual([]);
  });

  it('a node is shut down, is proved off, and its guests with it', async () => {
    const { lab, activities } = await outage();
    expect(await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE })).toMatchObject({
      outcome: 'done',
      words: 'pve2 was told to shut down: its API took it',
    });
    expect(await environment().run(activities.awaitNodeOff, { node: 'pve2', within: '1 minute' })).toEqual({
      off: 'verified',
      words: 'it answers neither by its API nor over SSH, and the other nodes count it offline',
    });
    expect(lab.node('pve2').machine.power).toBe('off');
    expect(await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE })).toMatchObject({
      outcome: 'done',
      words: expect.stringContaining('answers neither') as string,
    });
  });

  it('a node whose API is dead is shut down over SSH', async () => {
    const { lab, activities } = await outage();
    lab.node('pve2').setApi(false);
    expect(await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE })).toMatchObject({
      words: 'pve2 was told to shut down: SSH took it',
    });
    await expect.poll(() => lab.node('pve2').machine.power, { timeout: 20_000 }).toBe('off');
    expect(lab.node('pve1').machine.power).toBe('on');
  });

  it('a node whose API hangs is told over SSH', async () => {
    // The timeouts are those of a real site: in ten seconds, a quarter of an hour passes in the lab.
    const { lab, activities } = await outage({ ups: upsSpec({ batteryWattHours: 10_000 }) });
    const hour = 3_600_000;
    lab.faults.add((point) =>
      point.at === 'api' && point.receiver === 'pve2' && point.phase === 'before'
        ? { do: 'delay', ms: hour }
        : undefined,
    );
    expect(await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE })).toMatchObject({
      words: 'pve2 was told to shut down: SSH took it',
    });
    await expect.poll(() => lab.node('pve2').machine.power, { timeout: 20_000 }).toBe('off');
  });

  it('the last node expects fewer votes until the other is back', async () => {
    const { lab, activities } = await outage();
    await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE });
    await environment().run(activities.awaitNodeOff, { node: 'pve2', within: '1 minute' });
    expect(lab.cluster.votes.quorate).toBe(false);
    const set = (votes: number) =>
      environment().run(activities.setExpectedVotes, { node: 'pve1', votes, rehearsal: false });
    expect(await set(1)).toEqual({ outcome: 'done', words: 'pve1 expects 1 vote instead of 2' });
    expect(lab.cluster.votes.quorate).toBe(true);
    lab.node('pve2').machine.powerOn();
    await expect.poll(() => lab.node('pve2').joined, { timeout: 20_000 }).toBe(true);
    expect(await set(2)).toMatchObject({ outcome: 'done' });
    expect(lab.cluster.votes).toMatchObject({ expected: 2, quorate: true });
  });

  it('what HA is asked for is put back after its guests were shut down', async () => {
    const { lab, activities } = await outage({ guests: [web({ ha: 'started' }), files] });
    const before = await environment().run(activities.readSite);
    expect(before.ha).toMatchObject({ active: true, requested: { 'vm:201': 'started' } });
    const input = { node: 'pve2', tier: TIER, within: 135, gate: GATE };
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({
      guests: [{ words: 'shut down, by the HA manager' }, {}],
    });
    expect(lab.cluster.ha.resource('vm:201').state).toBe('stopped');
    const { requested } = before.ha;
    expect(await environment().run(activities.setHaRequests, { requested, rehearsal: false })).toMatchObject({
      words: 'the HA manager was asked for vm:201 started',
    });
    await expect.poll(() => lab.guest(201).running, { timeout: 20_000 }).toBe(true);
  });

  it('guests of a disarmed HA manager are shut down all the same', async () => {
    const { lab, activities } = await outage({ guests: [web({ ha: 'started' }), files] });
    await environment().run(activities.ensureHaArmed, { armed: false, within: '1 minute', mode: 'ignore' });
    const input = { node: 'pve2', tier: TIER, within: 135, gate: GATE };
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({ outcome: 'done' });
    expect(lab.cluster.ha.resource('vm:201').state).toBe('ignored');
  });

  it('a node goes down although HA would move its guests first, one of which may run nowhere else', async () => {
    const { lab, activities } = await outage({
      guests: [web({ ha: 'started' }), files],
      qdevice: true,
      shutdownPolicy: 'migrate',
      haRules: [{ rule: 'only-pve2', type: 'node-affinity', resources: ['vm:201'], nodes: ['pve2'], strict: true }],
    });
    const input = { node: 'pve2', tier: TIER, within: 135, gate: GATE };
    expect(await environment().run(activities.stopGuests, input)).toMatchObject({ outcome: 'done' });
    await environment().run(activities.shutDownNode, { node: 'pve2', gate: GATE });
    expect(await environment().run(activities.awaitNodeOff, { node: 'pve2', within: '1 minute' })).toMatchObject({
      off: 'verified',
    });
    expect(lab.log.of('guest.migrated')).toEqual([]);
    expect(lab.monitor.report().fenced).toEqual([]);
  });

  it('a guest is moved to the node that stays', async () => {
    const { lab, activities } = await outage();
    const input = { guest: WEB, from: 'pve2', to: 'pve1', within: '2 minutes', gate: GATE } as const;
    expect(await environment().run(activities.moveGuestAway, input)).toMatchObject({
      outcome: 'done',
      words: 'moved web (201) from pve2 to pve1',
    });
    expect(lab.guest(201)).toMatchObject({ node: 'pve1', running: true });
  });
});

describe('the site before an outage', () => {
  it('is read with its votes, guests and nodes', async () => {
    const { activities } = await outage();
    const site = await environment().run(activities.readSite);
    expect(site).toMatchObject({
      quorum: { quorate: true, expectedVotes: 2, quorum: 2 },
      nodes: [
        { name: 'pve1', online: true, votes: 1 },
        { name: 'pve2', online: true, votes: 1 },
      ],
      guests: [
        { vmid: 201, running: true, startupOrder: null, lock: null, sid: null },
        { vmid: 202, running: true, startupOrder: 2 },
      ],
      ha: { active: false, requested: {} },
    });
    expect(site.nodes.every(({ health }) => health?.peersQuorate)).toBe(true);
  });

  it('is what a rehearsal leaves it', async () => {
    const { lab, activities } = await outage();
    const gate = { ...GATE, rehearsal: true };
    lab.ups.device.setMains(true);
    await environment().run(activities.stopGuests, { node: 'pve2', tier: TIER, within: 135, gate });
    await environment().run(activities.shutDownNode, { node: 'pve2', gate });
    await environment().run(activities.setExpectedVotes, { node: 'pve1', votes: 1, rehearsal: true });
    await environment().run(activities.moveGuestAway, {
      guest: WEB,
      from: 'pve2',
      to: 'pve1',
      within: '1 minute',
      gate,
    });
    const changes = lab.log.of('api.request').filter(({ detail }) => detail['method'] !== 'GET');
    expect(changes).toEqual([]);
    expect(lab.cluster.votes.expected).toBe(2);
  });
});
