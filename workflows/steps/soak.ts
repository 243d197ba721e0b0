import { ApplicationFailure } from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import { toMilliseconds } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/probe.ts';
import { regressions } from '../../planning/probe-findings.ts';
import type { NodeRun } from './node-run.ts';
import { rejoin } from './renew.ts';

/** Looks during a soak, at least this far apart: a long soak must not fill the history. */
const LOOKS = 20;
const SHORTEST_PAUSE_MS = 30_000;

/**
 * Watches an updated node, its guests at home, for the time of the policy. Probes may fail in the meantime, as services
 * do while they start; at the end all must be well, and the node still a full member. Fails with `ProbeFailed`.
 */
export async function soak(run: NodeRun, before: NodeHealth): Promise<void> {
  const { node, policy, operator, journal } = run;
  const length = toMilliseconds(policy.soak);
  if (length === 0 && policy.probes.length === 0) return;
  journal.enter('verifying');
  const end = Date.now() + length;
  for (;;) {
    const wrong = await whatIsWrong(run);
    const left = end - Date.now();
    if (left <= 0) {
      if (wrong.length > 0) throw notWell(run, wrong);
      break;
    }
    const pause = Math.min(left, Math.max(SHORTEST_PAUSE_MS, length / LOOKS));
    const next = new Date(Date.now() + pause).toISOString();
    await operator.waitUntil(next, `${node} to prove well${describe(wrong, ', for now ')}`, () => false);
  }
  await rejoin(run, before, { bootIdBefore: null, kernel: null });
}

async function whatIsWrong({ node, plan, policy, quick }: NodeRun): Promise<ProbeResult[]> {
  if (policy.probes.length === 0) return [];
  const results = await quick.checkProbes.executeWithOptions({ summary: `${node}: ask the probes` }, [
    { probes: policy.probes, tries: 1 },
  ]);
  return regressions(results, plan.findings);
}

function notWell({ node, policy }: NodeRun, wrong: readonly ProbeResult[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.ProbeFailed,
    message:
      `It was updated and is a full member, but after a soak of ${policy.soak} something is not as before${describe(wrong, ': ')}. ` +
      `Look at it before the next node; then start again: ${node} is skipped if nothing is left to do there.`,
    nonRetryable: true,
  });
}

function describe(wrong: readonly ProbeResult[], lead: string): string {
  return wrong.length === 0 ? '' : lead + wrong.map(({ name, detail }) => `"${name}" fails (${detail})`).join(', ');
}
