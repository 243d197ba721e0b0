import { describe, expect, it } from 'vitest';
import type { Guest } from '../../domain/cluster.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { planEvacuation } from '../../planning/evacuation.ts';
import { aCluster, aContainer, aNode, anHaVm, aPolicy, aVm, GIB } from '../helpers/builders.ts';

function evacuate(guests: readonly Guest[], policy: PolicyOverrides = {}) {
  return planEvacuation(aCluster({ guests }), 'pve1', aPolicy(policy));
}

describe('what a guest allows', () => {
  it('moves VMs live and containers by a restart', () => {
    const { moves } = evacuate([aVm(100), aContainer(200)]);
    expect(moves.map(({ vmid, how, target }) => [vmid, how, target])).toEqual([
      [100, 'live', 'pve2'],
      [200, 'restart', 'pve2'],
    ]);
  });

  it('leaves alone what does not run, templates, and guests of other nodes', () => {
    const others = [aVm(100, { running: false }), aVm(101, { template: true }), aVm(102, { node: 'pve2' })];
    expect(evacuate(others)).toEqual({ moves: [], findings: [] });
  });

  it('refuses a locked guest and says what to wait for', () => {
    expect(evacuate([aVm(100, { lock: 'backup' })]).findings).toMatchObject([
      {
        code: 'guest-locked',
        vmid: 100,
        message: 'vm-100 (100) is locked (backup)',
        remedy: 'wait until its backup has finished',
      },
    ]);
  });

  it('refuses a guest that the policy forbids to touch and names the policy key', () => {
    const { findings } = evacuate([aVm(100)], { guests: { overrides: { '100': 'refuse' } } });
    expect(findings).toMatchObject([
      { code: 'guest-refused', remedy: 'move or stop it by hand, or change rollingUpdate.guests.overrides.100' },
    ]);
  });

  it('refuses a guest with a passed-through device, with the evidence and the other treatments', () => {
    const { findings } = evacuate([aVm(100, { obstacles: [{ code: 'passthrough', detail: 'hostpci0' }] })]);
    expect(findings).toMatchObject([{ code: 'guest-cannot-move' }]);
    expect(findings[0]?.message).toContain('passed-through device hostpci0');
    expect(findings[0]?.remedy).toContain('rollingUpdate.guests.overrides.100 to "shutdown"');
  });

  it('keeps a VM of CPU type host on its model of CPU, unless the policy says otherwise', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3')];
    const detail = 'host of Xeon E5-2690 v2 would meet Xeon E5-2630L';
    const others = (...targets: string[]) =>
      aVm(100, { obstacles: targets.map((target) => ({ code: 'cpu-model' as const, detail, target })) });
    const plan = (guest: Guest, policy = aPolicy()) =>
      planEvacuation(aCluster({ nodes, guests: [guest] }), 'pve1', policy);

    expect(plan(others('pve2')).moves).toMatchObject([{ target: 'pve3' }]);
    const { moves, findings } = plan(others('pve2', 'pve3'));
    expect(moves).toEqual([]);
    expect(findings).toMatchObject([{ code: 'guest-cannot-move' }]);
    expect(findings[0]?.message).toContain(`CPU type ${detail} on pve2`);
    expect(findings[0]?.remedy).toMatch(/such as x86-64-v2-AES, .*hostCpu "any"/);
    expect(plan(others('pve2', 'pve3'), aPolicy({ hostCpu: 'any' }))).toMatchObject({
      moves: [{ vmid: 100 }],
      findings: [],
    });
  });

  it('keeps it there under HA too, which may choose any node, unless a rule keeps HA from the other model', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3')];
    const foreign = { code: 'cpu-model' as const, detail: 'host of Xeon A would meet Xeon B', target: 'pve3' };
    const guest = anHaVm(100, { obstacles: [foreign] });
    const held = planEvacuation(aCluster({ nodes, guests: [guest] }), 'pve1', aPolicy());
    expect(held.moves).toEqual([]);
    expect(held.findings).toMatchObject([{ code: 'guest-cannot-move' }]);
    expect(held.findings[0]?.remedy).toMatch(/x86-64-v2-AES.*hostCpu "any"$/);

    const kept = anHaVm(100, {
      obstacles: [foreign, { code: 'ha-rule', detail: 'vm:100 node-affinity', target: 'pve3' }],
    });
    const free = planEvacuation(aCluster({ nodes, guests: [kept] }), 'pve1', aPolicy());
    expect(free).toMatchObject({ moves: [{ vmid: 100, how: 'ha', target: 'pve2' }], findings: [] });
  });

  it('shuts such a guest down where the policy says so', () => {
    const held = aVm(100, { obstacles: [{ code: 'passthrough', detail: 'hostpci0' }] });
    const { moves, findings } = evacuate([held], { guests: { overrides: { '100': 'shutdown' } } });
    expect(findings).toEqual([]);
    expect(moves).toMatchObject([{ vmid: 100, how: 'shutdown', target: null }]);
  });

  it('warns about a guest that stays and goes down with its node', () => {
    const { findings } = evacuate([aVm(100)], { guests: { overrides: { '100': 'leave' } } });
    expect(findings).toMatchObject([
      {
        code: 'guest-left-behind',
        severity: 'warning',
        message: 'vm-100 (100) stays on pve1 and goes down when it reboots',
      },
    ]);
  });

  it('refuses "shutdown" for a guest of HA, which would start it elsewhere', () => {
    const { findings } = evacuate([anHaVm(100)], { guests: { default: 'shutdown' } });
    expect(findings).toMatchObject([{ code: 'guest-refused', remedy: 'use "migrate" for it, or take it out of HA' }]);
  });

  it('refuses a guest in the HA state "error" and says how to get it out of there', () => {
    const { findings } = evacuate([anHaVm(100, { ha: { sid: 'vm:100', state: 'error' } })]);
    expect(findings).toMatchObject([{ code: 'ha-error' }]);
    expect(findings[0]?.remedy).toBe('set the HA resource vm:100 to disabled, mend the guest and set it to started');
  });

  it('names every problem at once', () => {
    const guests = [
      aVm(100, { lock: 'backup' }),
      aVm(101, { obstacles: [{ code: 'bind-mount', detail: 'mp0 /tank' }] }),
    ];
    expect(evacuate(guests).findings.map((finding) => finding.vmid)).toEqual([100, 101]);
  });
});

describe('local disks', () => {
  const withLocalDisks = aVm(100, { hasLocalDisks: true });

  it('are copied only where the policy allows it', () => {
    const { findings } = evacuate([withLocalDisks]);
    expect(findings).toMatchObject([
      { code: 'guest-cannot-move', message: expect.stringContaining('local disk') as string },
    ]);
    expect(findings[0]?.remedy).toContain('rollingUpdate.localDisks "always"');
    expect(evacuate([withLocalDisks], { localDisks: 'always' }).moves).toMatchObject([{ withLocalDisks: true }]);
  });

  it('that are replicated go to the replication target and nowhere else', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { memory: 8 * GIB })];
    const guest = { ...withLocalDisks, replicatedTo: ['pve3'] };
    const snapshot = aCluster({ nodes, guests: [guest] });
    expect(planEvacuation(snapshot, 'pve1', aPolicy()).moves).toMatchObject([{ target: 'pve3' }]);
    const without = aCluster({ nodes: nodes.slice(0, 2), guests: [guest] });
    expect(planEvacuation(without, 'pve1', aPolicy({ localDisks: 'always' })).findings[0]?.message).toContain(
      'replicated elsewhere',
    );
  });
});

describe('capacity', () => {
  it('is counted by what guests may grow to: the one that does not fit is refused with the figures', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { memory: 10 * GIB })];
    const guests = [aVm(100, { maxMemory: 8 * GIB }), aVm(101, { maxMemory: 4 * GIB })];
    const { moves, findings } = planEvacuation(aCluster({ nodes, guests }), 'pve1', aPolicy());
    expect(moves.map((move) => move.vmid)).toEqual([100]);
    expect(findings).toMatchObject([{ code: 'no-capacity', vmid: 101 }]);
    expect(findings[0]?.message).toBe(
      'vm-101 (101) may grow to 4.0 GiB, but pve2, the node with most room, has only 1.0 GiB left',
    );
    expect(findings[0]?.remedy).toContain('stop guests on pve2');
  });

  it('fills the emptiest node first, so that no survivor carries everything', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3')];
    const guests = [aVm(100), aVm(101), aVm(102), aVm(103)];
    const { moves } = planEvacuation(aCluster({ nodes, guests }), 'pve1', aPolicy());
    expect(moves.map((move) => move.target).sort()).toEqual(['pve2', 'pve2', 'pve3', 'pve3']);
  });

  it('keeps the only possible place for the guest that has no other', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { memory: 10 * GIB }), aNode('pve3', { memory: 10 * GIB })];
    const free = aVm(100, { maxMemory: 8 * GIB });
    const tied = aVm(101, {
      maxMemory: 6 * GIB,
      obstacles: [{ code: 'storage-unavailable', detail: 'x', target: 'pve3' }],
    });
    const { moves, findings } = planEvacuation(aCluster({ nodes, guests: [free, tied] }), 'pve1', aPolicy());
    expect(findings).toEqual([]);
    expect(moves).toMatchObject([
      { vmid: 100, target: 'pve3' },
      { vmid: 101, target: 'pve2' },
    ]);
  });

  it('has nothing to give where no other node is online', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { online: false })];
    const { findings } = planEvacuation(aCluster({ nodes, guests: [aVm(100)] }), 'pve1', aPolicy());
    expect(findings).toMatchObject([{ code: 'guest-cannot-move' }]);
    expect(findings[0]?.message).toContain('none is online');
  });
});
