import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HaRule } from '../../domain/cluster.ts';
import { planEvacuation } from '../../planning/evacuation.ts';
import { aCluster, aNode, anHaVm, aPolicy, GIB } from '../helpers/builders.ts';

const nodes = ['pve1', 'pve2', 'pve3'].map((name) => aNode(name));

function evacuate(rules: readonly HaRule[], guests = [anHaVm(100)], members = nodes) {
  return planEvacuation(aCluster({ nodes: members, guests, ha: { startedServices: 1, rules } }), 'pve1', aPolicy());
}

function onlyOn(names: readonly string[], strict: boolean): HaRule {
  return { kind: 'node-affinity', name: 'rule pinned', sids: ['vm:100'], nodes: names, strict };
}

function bound(together: boolean, ...vmids: number[]): HaRule {
  return { kind: 'resource-affinity', name: 'rule pair', sids: vmids.map((vmid) => `vm:${vmid}`), together };
}

describe('the rules of the HA manager', () => {
  it('refuse a node whose guest may run nowhere else, before anything is touched', () => {
    const { moves, findings } = evacuate([onlyOn(['pve1'], true)]);
    expect(moves).toEqual([]);
    expect(findings).toMatchObject([
      {
        code: 'guest-cannot-move',
        vmid: 100,
        message: expect.stringContaining('HA rule pinned (only on pve1) on pve2') as string,
        remedy: expect.stringContaining('HA rule') as string,
      },
    ]);
  });

  it('choose the target when they allow only one', () => {
    expect(evacuate([onlyOn(['pve1', 'pve3'], true)]).moves).toMatchObject([{ vmid: 100, target: 'pve3' }]);
  });

  it('do not hold a guest that only prefers its node', () => {
    expect(evacuate([onlyOn(['pve1'], false)]).moves).toMatchObject([{ vmid: 100, target: 'pve2' }]);
  });

  it('keep a guest from the node of one that it must not meet', () => {
    const guests = [anHaVm(100), anHaVm(101, { node: 'pve2' })];
    expect(evacuate([bound(false, 100, 101)], guests).moves).toMatchObject([{ vmid: 100, target: 'pve3' }]);
  });

  it('refuse a pair of nodes for guests that must not meet', () => {
    const guests = [anHaVm(100), anHaVm(101, { node: 'pve2' })];
    const { findings } = evacuate([bound(false, 100, 101)], guests, nodes.slice(0, 2));
    expect(findings).toMatchObject([
      { vmid: 100, message: expect.stringContaining('not on the node of vm:101') as string },
    ]);
  });

  it('send guests that belong together to one node with room for both', () => {
    const guests = [anHaVm(100, { maxMemory: 20 * GIB }), anHaVm(101, { maxMemory: 20 * GIB })];
    const members = [aNode('pve1'), aNode('pve2', { memory: 30 * GIB }), aNode('pve3', { memory: 50 * GIB })];
    expect(evacuate([bound(true, 100, 101)], guests, members).moves).toMatchObject([
      { vmid: 100, target: 'pve3' },
      { vmid: 101, target: 'pve3' },
    ]);
  });

  it('refuse guests that belong together when no node has room for both', () => {
    const guests = [anHaVm(100, { maxMemory: 20 * GIB }), anHaVm(101, { maxMemory: 20 * GIB })];
    const members = [aNode('pve1'), aNode('pve2', { memory: 30 * GIB }), aNode('pve3', { memory: 30 * GIB })];
    const { moves, findings } = evacuate([bound(true, 100, 101)], guests, members);
    expect(moves).toEqual([]);
    expect(findings.map(({ code, vmid }) => `${code} ${vmid}`)).toEqual(['no-capacity 100', 'no-capacity 101']);
  });

  it('send a guest to the one that it belongs to', () => {
    const guests = [anHaVm(100), anHaVm(101, { node: 'pve3' })];
    expect(evacuate([bound(true, 100, 101)], guests).moves).toMatchObject([{ vmid: 100, target: 'pve3' }]);
  });

  it('spread guests that must not meet over the nodes, and refuse one too many', () => {
    const three = [100, 101, 102].map((vmid) => anHaVm(vmid));
    const { moves, findings } = evacuate([bound(false, 100, 101, 102)], three);
    expect(moves.map(({ target }) => target).sort()).toEqual(['pve2', 'pve3']);
    expect(findings).toMatchObject([
      { code: 'guest-cannot-move', remedy: expect.stringContaining('HA rule') as string },
    ]);
  });

  it('say nothing about a guest without HA', () => {
    const guests = [anHaVm(100, { ha: null })];
    expect(evacuate([onlyOn(['pve1'], true)], guests).moves).toMatchObject([{ vmid: 100, target: 'pve2' }]);
  });

  it('are kept by every plan', () => {
    const vmids = [100, 101, 102, 103, 104, 105];
    const someVmids = fc.subarray(vmids, { minLength: 2, maxLength: 4 });
    const anyRule = fc.oneof(
      fc.record({ together: fc.boolean(), vmids: someVmids }).map((each) => bound(each.together, ...each.vmids)),
      fc
        .record({ on: fc.subarray(['pve1', 'pve2', 'pve3', 'pve4'], { minLength: 1 }), vmids: someVmids })
        .map(({ on, vmids: of }): HaRule => ({
          ...{ kind: 'node-affinity', name: 'rule some', sids: of.map((vmid) => `vm:${vmid}`) },
          ...{ nodes: on, strict: true },
        })),
    );
    const members = ['pve1', 'pve2', 'pve3', 'pve4'].map((name) => aNode(name));
    fc.assert(
      fc.property(
        fc.array(anyRule, { maxLength: 3 }),
        fc.tuple(...vmids.map(() => fc.constantFrom('pve1', 'pve1', 'pve2', 'pve3'))),
        (rules, places) => {
          const guests = vmids.map((vmid, index) => anHaVm(vmid, { node: places[index] ?? 'pve1' }));
          const { moves, findings } = evacuate(rules, guests, members);
          const leaving = guests.filter(({ node }) => node === 'pve1').map(({ vmid }) => vmid);
          expect([...moves, ...findings].map(({ vmid }) => vmid).sort()).toEqual(leaving);
          const after = new Map(guests.map(({ vmid, node }) => [`vm:${vmid}`, node]));
          for (const { vmid, target } of moves) after.set(`vm:${vmid}`, target ?? '');
          for (const { vmid, target } of moves) {
            for (const rule of rules.filter(({ sids }) => sids.includes(`vm:${vmid}`))) {
              if (rule.kind === 'node-affinity') expect(rule.nodes).toContain(target);
              else if (!rule.together) expect(rule.sids.filter((sid) => after.get(sid) === target)).toHaveLength(1);
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
