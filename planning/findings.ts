import { FINDING_CODES, type Finding } from '../domain/finding.ts';
import type { RollPlan } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';

type Said = Omit<Finding, 'severity' | 'overridden'>;

export function blocker(said: Said): Finding {
  return { severity: 'blocker', ...said };
}

export function warning(said: Said): Finding {
  return { severity: 'warning', ...said };
}

/** Those of the cluster first, then those of the nodes in their order. */
export function findingsOf(plan: RollPlan): Finding[] {
  return distinct([...plan.findings, ...plan.nodes.flatMap((node) => node.findings)]);
}

/** What was found in several places comes once. */
export function distinct(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter((finding) => {
    const key = JSON.stringify([finding.code, finding.node, finding.vmid, finding.message]);
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Marks the blockers that the policy overrides. */
export function applyOverrides(findings: readonly Finding[], { overrides }: Pick<Policy, 'overrides'>): Finding[] {
  return findings.map((finding) =>
    finding.severity === 'blocker' && overrides.includes(finding.code) && FINDING_CODES[finding.code] === 'allowed'
      ? { ...finding, overridden: true }
      : finding,
  );
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

/** Findings that a message names; the report holds all of them. */
const MOST_IN_A_MESSAGE = 10;

/** What was found and what to do about each, for the message of a failure. */
export function describeFindings(findings: readonly Finding[]): string {
  const named = findings.slice(0, MOST_IN_A_MESSAGE).map((finding) => `${finding.message}; ${finding.remedy}`);
  const rest = findings.length - named.length;
  return [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join(' | ');
}
