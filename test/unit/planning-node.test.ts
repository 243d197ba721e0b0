import { describe, expect, it } from 'vitest';
import type { Policy } from '../../domain/policy.ts';
import { findingsOf } from '../../planning/findings.ts';
import { planNode } from '../../planning/plan-node.ts';
import {
  aCluster,
  aContainer,
  anHaVm,
  aNode,
  aPackage,
  aPolicy,
  aVm,
  NEW_KERNEL,
  OLD_KERNEL,
  outdated,
  someKernels,
  theSettings,
  theSoftware,
  planWell,
} from '../helpers/builders.ts';

const rebootDue = someKernels({ installed: [OLD_KERNEL, NEW_KERNEL] });

describe('what is done with a node', () => {
  it('is an update when packages are pending', () => {
    const plan = planNode(aCluster({ guests: [aVm(100)] }), outdated('pve1'), aPolicy());
    expect(plan).toMatchObject({
      action: 'update',
      reason: '1 package to upgrade',
      rebootExpected: false,
      findings: [],
    });
    expect(plan.moves).toHaveLength(1);
  });

  it('is nothing at all when it is up to date: no move, no finding, no time', () => {
    const snapshot = aCluster({ guests: [aVm(100, { lock: 'backup' })], quorate: false });
    expect(planNode(snapshot, theSoftware('pve1'), aPolicy())).toMatchObject({
      action: 'skip',
      reason: 'up to date',
      moves: [],
      findings: [],
      expectedMilliseconds: 0,
    });
  });

  it('is a reboot when only the reboot of an earlier upgrade is missing', () => {
    expect(planNode(aCluster(), theSoftware('pve1', { kernels: rebootDue }), aPolicy())).toMatchObject({
      action: 'reboot',
      reason: `runs ${OLD_KERNEL}, would boot ${NEW_KERNEL}`,
      rebootExpected: true,
    });
  });

  it('is a reboot of a node without work when the policy always asks for one', () => {
    const plan = planNode(aCluster(), theSoftware('pve1'), aPolicy({ reboot: 'always' }));
    expect(plan).toMatchObject({ action: 'reboot', rebootExpected: true });
  });

  it('is nothing, with a warning, when only a reboot is missing and the policy forbids it', () => {
    const plan = planNode(aCluster(), theSoftware('pve1', { kernels: rebootDue }), aPolicy({ reboot: 'never' }));
    expect(plan.action).toBe('skip');
    expect(plan.findings).toMatchObject([
      {
        code: 'reboot-forbidden',
        severity: 'warning',
        message: `pve1 runs ${OLD_KERNEL} although ${NEW_KERNEL} is installed`,
      },
    ]);
  });

  it('never includes a reboot that the policy forbids', () => {
    const kernel = outdated('pve1', { pending: [aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`)] });
    expect(planNode(aCluster(), kernel, aPolicy()).rebootExpected).toBe(true);
    expect(planNode(aCluster(), kernel, aPolicy({ reboot: 'never' })).rebootExpected).toBe(false);
  });

  it('warns about a stopped guest that the boot of its node will start', () => {
    const guests = [
      aVm(100, { running: false, startsAtBoot: true }),
      aContainer(200, { running: false, startsAtBoot: true }),
      aVm(101, { running: false }),
      aVm(102, { running: false, startsAtBoot: true, node: 'pve2' }),
    ];
    const found = (reboot: Policy['reboot']) =>
      planNode(aCluster({ guests }), outdated('pve1'), aPolicy({ reboot })).findings.filter(
        ({ code }) => code === 'starts-at-boot',
      );
    expect(found('always')).toMatchObject([
      { severity: 'warning', vmid: 100, remedy: 'if it is to stay stopped: qm set 100 --onboot 0' },
      { severity: 'warning', vmid: 200, remedy: 'if it is to stay stopped: pct set 200 --onboot 0' },
    ]);
    expect(found('never')).toEqual([]);
  });

  it('warns about a forgotten pin', () => {
    const software = outdated('pve1', { kernels: { ...rebootDue, pinned: OLD_KERNEL } });
    expect(planNode(aCluster(), software, aPolicy()).findings).toMatchObject([
      {
        code: 'kernel-pinned',
        severity: 'warning',
        message: `pve1 stays on ${OLD_KERNEL}, to which its kernel is pinned, although ${NEW_KERNEL} is installed`,
      },
    ]);
  });

  it('goes on in a plain pair, whose survivor is read-only meanwhile', () => {
    const software = theSoftware('pve1', { kernels: rebootDue });
    expect(planNode(aCluster(), software, aPolicy())).toMatchObject({
      quorum: { verdict: 'read-only-while-away' },
      findings: [],
    });
  });

  it('uses the HA maintenance mode only where HA has something to do', () => {
    const withHa = aCluster({
      qdevice: { votes: 1, connected: true },
      guests: [anHaVm(100)],
      ha: { startedServices: 1 },
    });
    expect(planNode(withHa, outdated('pve1'), aPolicy())).toMatchObject({ maintenance: true, findings: [] });
    expect(planNode(aCluster(), outdated('pve1'), aPolicy()).maintenance).toBe(false);
  });
});

describe('a node is refused, with what to do about it', () => {
  function findingsIn(snapshot = aCluster()) {
    return findingsOf(planWell(snapshot, [outdated('pve1')], theSettings({ nodes: ['pve1'] })));
  }

  it('while another node is offline', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    expect(findingsIn(aCluster({ nodes }))).toContainEqual({
      code: 'node-offline',
      severity: 'blocker',
      node: 'pve3',
      message: 'pve3 is offline, and at most one node may be away',
      remedy: 'bring pve3 back, then start again',
    });
  });

  it('while the cluster is not quorate, and then for that reason alone', () => {
    expect(findingsIn(aCluster({ quorate: false, ha: { startedServices: 1 } }))).toMatchObject([
      { code: 'not-quorate', remedy: expect.stringContaining('pvecm status') as string },
    ]);
  });

  it('when its absence would fence the others', () => {
    const findings = findingsIn(aCluster({ ha: { startedServices: 1 } }));
    expect(findings).toMatchObject([{ code: 'would-fence' }]);
    expect(findings[0]?.remedy).toContain('add a QDevice (pvecm qdevice setup)');
    expect(findings[0]?.remedy).toContain('"ignored"');
  });

  it('when its absence would cost quorum because the QDevice is gone', () => {
    expect(findingsIn(aCluster({ qdevice: { votes: 1, connected: false } }))).toMatchObject([
      { code: 'qdevice-lost', severity: 'warning' },
      { code: 'loses-quorum', remedy: 'reconnect the QDevice (pvecm status)' },
    ]);
  });

  it('when its absence would cost quorum because another node is gone already', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    expect(findingsIn(aCluster({ nodes }))).toContainEqual(
      expect.objectContaining({ code: 'loses-quorum', remedy: 'bring the missing nodes back, or add a QDevice' }),
    );
  });

  it('while any node is in a maintenance mode that is not ours', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { maintenance: true })];
    expect(findingsIn(aCluster({ nodes }))).toMatchObject([
      {
        code: 'foreign-maintenance',
        node: 'pve2',
        remedy: 'when nobody works on it: ha-manager crm-command node-maintenance disable pve2',
      },
    ]);
  });
});
