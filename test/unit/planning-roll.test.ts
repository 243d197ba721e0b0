import { describe, expect, it } from 'vitest';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { describeDrift, nodePlanIn } from '../../planning/plan-roll.ts';
import { orderNodes } from '../../planning/node-order.ts';
import {
  aCluster,
  aMove,
  aNode,
  aNodePlan,
  aVm,
  outdated,
  theSettings,
  theSoftware,
  planWell,
} from '../helpers/builders.ts';

describe('the order of the nodes', () => {
  it('is that of the configuration', () => {
    expect(orderNodes(theSettings({ nodes: ['pve2', 'pve1'] }), aCluster())).toEqual(['pve2', 'pve1']);
  });

  it('is that of the policy when it names nodes', () => {
    expect(orderNodes(theSettings({ policy: { nodes: ['pve2'] } }), aCluster())).toEqual(['pve2']);
  });

  it('has the node that runs the orchestrator last, wherever it is listed', () => {
    const snapshot = aCluster({ guests: [aVm(105, { node: 'pve1' })] });
    const settings = theSettings({ nodes: ['pve1', 'pve2', 'pve3'], orchestratorGuest: 105 });
    expect(orderNodes(settings, snapshot)).toEqual(['pve2', 'pve3', 'pve1']);
  });

  it('adds no node for an orchestrator on a node that is not to be updated', () => {
    const snapshot = aCluster({ guests: [aVm(105, { node: 'pve1' })] });
    const settings = theSettings({ policy: { nodes: ['pve2'] }, orchestratorGuest: 105 });
    expect(orderNodes(settings, snapshot)).toEqual(['pve2']);
  });
});

describe('the plan of a roll', () => {
  it('has every node in its order, each against the cluster as it is now', () => {
    const snapshot = aCluster({ guests: [aVm(100), aVm(101, { node: 'pve2' })] });
    const { nodes } = planWell(snapshot, [outdated('pve2'), outdated('pve1')], theSettings());
    expect(nodes.map((node) => [node.node, node.moves.map((move) => move.vmid)])).toEqual([
      ['pve1', [100]],
      ['pve2', [101]],
    ]);
  });

  it('refuses for a node that does not answer', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { online: false })];
    const plan = planWell(aCluster({ nodes }), [outdated('pve1')], theSettings());
    expect(plan.nodes[1]).toMatchObject({ node: 'pve2', reason: 'its state is unknown' });
    expect(plan.findings).toMatchObject([
      { code: 'node-offline', node: 'pve2', remedy: 'bring pve2 back, then start again' },
    ]);
  });

  it('tells a node that the cluster does not have from one that is down', () => {
    const plan = planWell(
      aCluster(),
      [outdated('pve1'), outdated('pve2')],
      theSettings({ nodes: ['pve1', 'pve2', 'pve9'] }),
    );
    expect(findingsOf(plan)).toMatchObject([
      { code: 'unknown-node', node: 'pve9', remedy: expect.stringContaining('cluster.nodes') as string },
    ]);
  });

  it.each(['shutdown', 'leave'] as const)('refuses the policy "%s" for the guest that runs the update', (treatment) => {
    const guests = [aVm(105, { node: 'pve1' }), aVm(106, { node: 'pve1' })];
    const overrides = { '105': treatment, '106': treatment };
    const settings = theSettings({ orchestratorGuest: 105, policy: { guests: { default: 'migrate', overrides } } });
    const plan = planWell(aCluster({ guests }), [outdated('pve1'), outdated('pve2')], settings);
    expect(blockersIn(findingsOf(plan))).toMatchObject([{ code: 'own-guest', node: 'pve1', vmid: 105 }]);
  });

  it('warns of an exception for a guest that the cluster does not have', () => {
    const settings = theSettings({ policy: { guests: { default: 'migrate', overrides: { '999': 'shutdown' } } } });
    const plan = planWell(aCluster(), [outdated('pve1'), outdated('pve2')], settings);
    expect(plan.findings).toMatchObject([
      {
        code: 'unknown-guest',
        severity: 'warning',
        message: 'rollingUpdate.guests.overrides names 999, but the cluster has no such guest',
      },
    ]);
  });

  it('tells each reason once, though it holds for several nodes', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3'), aNode('pve4', { online: false })];
    const settings = theSettings({ nodes: ['pve1', 'pve2', 'pve3'] });
    const plan = planWell(
      aCluster({ nodes }),
      ['pve1', 'pve2', 'pve3'].map((name) => outdated(name)),
      settings,
    );
    expect(findingsOf(plan).filter((finding) => finding.code === 'node-offline')).toHaveLength(1);
  });

  it('says of the cluster nothing where no node has anything to do, and all of it to a node that has', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    const settings = theSettings();
    expect(planWell(aCluster({ nodes }), [theSoftware('pve1'), theSoftware('pve2')], settings).findings).toEqual([]);
    const plan = planWell(aCluster({ nodes }), [outdated('pve1'), theSoftware('pve2')], settings);
    expect(nodePlanIn(plan, 'pve1')?.findings).toContainEqual(expect.objectContaining({ node: 'pve3' }));
    expect(nodePlanIn(plan, 'pve2')?.findings).toEqual([]);
  });

  it('keeps different guests with the same problem apart', () => {
    const guests = [aVm(100, { lock: 'backup' }), aVm(101, { lock: 'backup' })];
    const plan = planWell(aCluster({ guests }), [outdated('pve1'), outdated('pve2')], theSettings());
    expect(findingsOf(plan).map((finding) => finding.vmid)).toEqual([100, 101]);
  });
});

describe('drift between the plan that was shown and the fresh one', () => {
  const shown = aNodePlan('pve1', { moves: [aMove(100)] });

  it('is nothing when both do the same, however many packages have come since', () => {
    expect(describeDrift(shown, { ...shown, packages: [], reason: 'other words', expectedMilliseconds: 1 })).toEqual(
      [],
    );
  });

  it('names another action, a reboot that was not announced, and another quorum forecast', () => {
    const quorum = {
      verdict: 'read-only-while-away',
      votesLeft: 1,
      votesNeeded: 2,
      explanation: 'read-only now',
    } as const;
    expect(describeDrift(shown, { ...shown, action: 'reboot', rebootExpected: true, quorum })).toEqual([
      'pve1: reboot instead of update',
      'pve1: now needs a reboot',
      'pve1: read-only now',
    ]);
  });

  it('is not worth a question when an announced reboot falls away', () => {
    expect(describeDrift({ ...shown, rebootExpected: true }, shown)).toEqual([]);
  });

  it('names guests that came, went, or go another way', () => {
    const fresh = { ...shown, moves: [aMove(101)] };
    expect(describeDrift(shown, fresh)).toEqual([
      'vm-101 (101) runs on pve1 now',
      'vm-100 (100) no longer runs on pve1',
    ]);
    expect(describeDrift(shown, { ...shown, moves: [aMove(100, { target: 'pve3' })] })).toEqual([
      'vm-100 (100): live to pve3 instead of live to pve2',
    ]);
    expect(describeDrift(shown, { ...shown, moves: [aMove(100, { how: 'shutdown', target: null })] })).toEqual([
      'vm-100 (100): shutdown instead of live to pve2',
    ]);
  });
});
