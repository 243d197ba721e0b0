import { describe, expect, it } from 'vitest';
import { FINDING_CODES, OVERRIDABLE_CODES, type FindingCode } from '../../domain/finding.ts';
import { applyOverrides, blocker, blockersIn, findingsOf, remarksIn, warning } from '../../planning/findings.ts';
import { aCluster, aNode, aVm, GIB, outdated, theSettings, planWell } from '../helpers/builders.ts';

const about = { node: 'pve1', message: 'something is wrong', remedy: 'mend it' };

describe('an overridden blocker', () => {
  it('blocks no more, and stays as a remark with its code', () => {
    const [found] = applyOverrides([blocker({ ...about, code: 'backup-running' })], { overrides: ['backup-running'] });
    expect(found).toMatchObject({ severity: 'blocker', overridden: true });
    expect(blockersIn([found!])).toEqual([]);
    expect(remarksIn([found!])).toEqual(['something is wrong (overridden: backup-running)']);
  });

  it('leaves the blockers of other codes in force', () => {
    const findings = applyOverrides(
      [blocker({ ...about, code: 'backup-running' }), blocker({ ...about, code: 'no-capacity' })],
      { overrides: ['no-capacity'] },
    );
    expect(blockersIn(findings).map((finding) => finding.code)).toEqual(['backup-running']);
  });

  it('makes nothing of a warning', () => {
    const found = warning({ ...about, code: 'backup-running' });
    expect(applyOverrides([found], { overrides: ['backup-running'] })).toEqual([found]);
  });

  const rules = (Object.keys(FINDING_CODES) as FindingCode[]).filter((code) => !OVERRIDABLE_CODES.includes(code));
  it.each(rules)('is never one of %s, whatever a policy says', (code) => {
    const findings = [blocker({ ...about, code })];
    expect(blockersIn(applyOverrides(findings, { overrides: [code] }))).toEqual(findings);
  });
});

describe('a plan with overrides', () => {
  it('puts a guest for which there is no room on the node with most of it', () => {
    const nodes = [aNode('pve1'), aNode('pve2', { memory: 4 * GIB }), aNode('pve3', { memory: 6 * GIB })];
    const snapshot = aCluster({ nodes, guests: [aVm(100, { maxMemory: 8 * GIB })] });
    const software = [outdated('pve1')];
    const settings = theSettings({ nodes: ['pve1'], policy: { overrides: ['no-capacity'] } });
    const plan = planWell(snapshot, software, settings);
    expect(blockersIn(findingsOf(plan))).toEqual([]);
    expect(plan.nodes[0]).toMatchObject({ moves: [{ vmid: 100, target: 'pve3' }] });
    expect(plan.nodes[0]?.findings).toMatchObject([{ code: 'no-capacity', overridden: true }]);
  });

  it('never goes where quorum would be lost', () => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    const overrides = ['node-offline', 'loses-quorum'] as const;
    const settings = theSettings({ nodes: ['pve1'], policy: { overrides } });
    const plan = planWell(aCluster({ nodes }), [outdated('pve1')], settings);
    expect(blockersIn(findingsOf(plan)).map((finding) => finding.code)).toEqual(overrides);
  });
});
