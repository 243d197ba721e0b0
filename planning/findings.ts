import type { Finding } from '../domain/finding.ts';
import type { RollPlan } from '../domain/plan.ts';

type Said = Omit<Finding, 'severity' | 'overridden'>;

export function blocker(said: Said): Finding {
  return { severity: 'blocker', ...said };
}

export function warning(said: Said): Finding {
  return { severity: 'warning', ...said };
}

/** Those of the cluster first, then those of the nodes in their order; one that several nodes share comes once. */
export function findingsOf(plan: RollPlan): Finding[] {
  const seen = new Set<string>();
  return [...plan.findings, ...plan.nodes.flatMap((node) => node.findings)].filter((finding) => {
    const key = JSON.stringify([finding.code, finding.node, finding.vmid, finding.message]);
    return seen.has(key) ? false : seen.add(key);
  });
}

/** What keeps the run from going on. */
export function blockersIn(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.severity === 'blocker' && finding.overridden !== true);
}

/** What to tell although the run goes on, a sentence each: warnings, and blockers that were overridden. */
export function remarksIn(findings: readonly Finding[]): string[] {
  return findings
    .filter((finding) => finding.severity === 'warning' || finding.overridden === true)
    .map(({ code, message, overridden }) => (overridden ? `${message} (overridden: ${code})` : message));
}

/** All of them with what to do about each, for the message of a failure. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings.map((finding) => `${finding.message}; ${finding.remedy}`).join(' | ');
}
