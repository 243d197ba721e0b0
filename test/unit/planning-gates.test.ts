import { describe, expect, it } from 'vitest';
import type { NodeHealth } from '../../domain/cluster.ts';
import { reasonsNotToDisturb } from '../../planning/before-disturbing.ts';
import { missingForRejoin, type RejoinExpectation } from '../../planning/rejoin.ts';
import { aCluster, aMove, aNode, aVm, NEW_KERNEL, OLD_KERNEL, theHealth } from '../helpers/builders.ts';

describe('the last look before a reboot', () => {
  it('lets an empty node of a healthy cluster go', () => {
    const elsewhere = [aVm(100, { node: 'pve2' }), aVm(101, { running: false }), aVm(102, { template: true })];
    expect(reasonsNotToDisturb(aCluster({ guests: elsewhere }), 'pve1', [])).toEqual([]);
  });

  it('stops it when another node went offline meanwhile', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false }), aNode('pve4'), aNode('pve5')];
    expect(reasonsNotToDisturb(aCluster({ nodes }), 'pve1', [])).toEqual([
      'pve3 went offline meanwhile, and at most one node may be away',
    ]);
  });

  it('stops it when somebody put a guest under HA meanwhile', () => {
    expect(reasonsNotToDisturb(aCluster({ ha: { startedServices: 1 } }), 'pve1', [])).toEqual([
      expect.stringContaining('the watchdog would reset'),
    ]);
  });

  it('stops it when the cluster lost quorum', () => {
    expect(reasonsNotToDisturb(aCluster({ quorate: false }), 'pve1', [])).toContain('the cluster is not quorate');
  });

  it('stops it when a guest runs on the node, unless the policy leaves it there', () => {
    const snapshot = aCluster({ guests: [aVm(100)] });
    expect(reasonsNotToDisturb(snapshot, 'pve1', [aMove(100)])).toEqual([
      'vm-100 (100) runs on pve1, although it was to be empty',
    ]);
    expect(reasonsNotToDisturb(snapshot, 'pve1', [aMove(100, { how: 'leave', target: null })])).toEqual([]);
  });
});

describe('a node counts as back', () => {
  const expected: RejoinExpectation = {
    bootIdBefore: 'boot-1',
    kernel: NEW_KERNEL,
    services: ['corosync', 'pve-cluster'],
    storages: ['local', 'nfs'],
  };
  const well: Partial<NodeHealth> = { bootId: 'boot-2', runningKernel: NEW_KERNEL, lrmFresh: true };
  const missing = (changes: Partial<NodeHealth>) =>
    missingForRejoin(theHealth('pve1', { ...well, ...changes }), expected);

  it('when it has all that it had before, a new boot id and the expected kernel', () => {
    expect(missing({})).toEqual([]);
    expect(missing({ lrmFresh: null, activeServices: ['corosync', 'pve-cluster', 'ssh'] })).toEqual([]);
  });

  it('and without a reboot also with its old boot id', () => {
    expect(missingForRejoin(theHealth('pve1'), { ...expected, bootIdBefore: null, kernel: null })).toEqual([]);
  });

  it.each<[string, Partial<NodeHealth>, string]>([
    ['its boot id is the old one', { bootId: 'boot-1' }, 'has not rebooted: its boot id is the old one'],
    ['it does not answer over SSH', { bootId: null, runningKernel: null }, 'does not answer over SSH'],
    ['it booted another kernel', { runningKernel: OLD_KERNEL }, `runs kernel ${OLD_KERNEL} instead of ${NEW_KERNEL}`],
    ['the others see it offline', { onlineForPeers: false }, 'is offline for the other nodes'],
    ['the cluster is not quorate', { peersQuorate: false }, 'the cluster is not quorate'],
    ['it is in the minority of a split', { ownQuorate: false }, 'does not see a quorate cluster itself'],
    ['its own API is silent', { ownQuorate: null }, 'does not answer over its API'],
    ['a service did not start', { activeServices: ['corosync'] }, 'service pve-cluster is not active'],
    ['a storage is not mounted', { activeStorages: ['local'] }, 'storage nfs is not active'],
    ['its LRM is silent', { lrmFresh: false }, 'its HA resource manager does not report'],
  ])('not while %s', (_, changes, sentence) => {
    expect(missing(changes)).toEqual([sentence]);
  });
});
