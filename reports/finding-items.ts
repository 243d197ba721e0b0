import { FINDING_CODES, type Finding } from '../domain/finding.ts';
import type { RollReport } from '../domain/report.ts';
import type { Item } from './document.ts';

/** The findings of the plan that a report tells again: what refused the run, and what somebody set aside. */
export function findingsInReport({ plan }: RollReport): { blockers: Finding[]; overridden: Finding[] } {
  const seen = new Set<string>();
  const all = [...(plan?.findings ?? []), ...(plan?.nodes ?? []).flatMap((node) => node.findings)].filter((finding) => {
    // Several nodes may share one.
    const key = JSON.stringify([finding.code, finding.node, finding.vmid, finding.message]);
    return seen.has(key) ? false : seen.add(key);
  });
  const blockers = all.filter(({ severity }) => severity === 'blocker');
  return {
    blockers: blockers.filter(({ overridden }) => overridden !== true),
    overridden: blockers.filter(({ overridden }) => overridden === true),
  };
}

export function findingItem({ code, node, message, evidence, remedy, overridden }: Finding): Item {
  const where = node === null ? '' : `${node}: `;
  return {
    text: overridden ? `~ ${code}  ${where}${message}` : `✘ ${code}  ${where}${message}`,
    tone: overridden ? 'caution' : 'bad',
    details: [
      ...(evidence === undefined ? [] : [['Seen', evidence] as const]),
      [overridden ? 'To mend' : 'To go on', remedy] as const,
      ...(!overridden && FINDING_CODES[code] === 'allowed' ? [['Or', `--override ${code}`] as const] : []),
    ],
  };
}
