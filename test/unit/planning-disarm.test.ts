import { describe, expect, it } from 'vitest';
import { reasonsNotToDisturb } from '../../planning/before-disturbing.ts';
import { clusterFindings } from '../../planning/cluster-findings.ts';
import { planNode } from '../../planning/plan-node.ts';
import { forecastQuorum } from '../../planning/quorum-forecast.ts';
import { aCluster, aNode, aPolicy, outdated } from '../helpers/builders.ts';

const armed = aCluster({ ha: { startedServices: 2, armed: 'armed' } });
const disarmed = aCluster({ ha: { startedServices: 2, armed: 'disarmed' } });
const old = aCluster({ ha: { startedServices: 2, armed: null } });

describe('two nodes with HA at work and no QDevice', () => {
  it('are refused unless the policy allows to disarm HA, with a word that this would help', () => {
    const { quorum, findings } = planNode(armed, outdated('pve1'), aPolicy());
    expect(quorum.verdict).toBe('would-fence');
    expect(findings.find(({ code }) => code === 'would-fence')?.remedy).toContain('disarmHa "when-it-would-fence"');
  });

  it('may reboot where HA is disarmed for that, and the plan says so', () => {
    const { quorum, findings } = planNode(armed, outdated('pve1'), aPolicy({ disarmHa: 'when-it-would-fence' }));
    expect(quorum).toMatchObject({ verdict: 'read-only-while-away', disarmHa: true });
    expect(quorum.explanation).toContain('HA is disarmed for the reboot');
    expect(findings.filter(({ severity }) => severity === 'blocker')).toEqual([]);
  });

  it('are refused all the same where the release cannot disarm HA', () => {
    expect(forecastQuorum(old, 'pve1', 'when-it-would-fence').verdict).toBe('would-fence');
  });

  it('are not rebooted before HA is seen disarmed, whatever the policy allows', () => {
    expect(reasonsNotToDisturb(armed, 'pve1', [], 'when-it-would-fence')).toEqual([]);
    expect(reasonsNotToDisturb(armed, 'pve1', [])).toHaveLength(1);
    expect(reasonsNotToDisturb(disarmed, 'pve1', [])).toEqual([]);
  });

  it('that somebody else has disarmed are left alone', () => {
    expect(clusterFindings(disarmed)).toMatchObject([{ code: 'ha-disarmed', severity: 'blocker' }]);
    expect(clusterFindings(armed)).toEqual([]);
  });
});

describe('three nodes that lose their quorum', () => {
  it('are not helped by disarming HA', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    const cluster = aCluster({ nodes, ha: { startedServices: 2, armed: 'armed' } });
    expect(forecastQuorum(cluster, 'pve1', 'when-it-would-fence').verdict).toBe('would-fence');
  });
});
