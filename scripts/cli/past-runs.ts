import type { WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { isScheduled, rollingUpdateId } from '../../domain/ids.ts';
import { SearchAttribute } from '../../domain/search-attributes.ts';
import type { RollReport } from '../../domain/report.ts';
import type { Session } from './context.ts';
import { awaitEnd, type RunEnd } from './run-end.ts';
import { ROLL } from './run-kind.ts';
import { CliError, commandName } from './terminal.ts';

const outcomeKey = defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD');

/** A run that Temporal remembers. */
export interface PastRun {
  readonly workflowId: string;
  readonly runId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Null while it runs. */
  readonly endedAt: string | null;
  /** `running`, or the outcome of its report; null for a run that ended before it could say. */
  readonly outcome: string | null;
}

/** Rolling updates of the cluster, by hand and by schedule, the newest first. Plans made by `plan` are none. */
export async function listPastRuns(session: Session, limit: number): Promise<PastRun[]> {
  const plain = rollingUpdateId(session.config.cluster.name);
  const query = `WorkflowType = "rollingUpdate" AND WorkflowId STARTS_WITH "${plain}"`;
  const runs: PastRun[] = [];
  for await (const info of session.client.workflow.list({ query })) {
    const { workflowId } = info;
    // Anything else is another cluster, whose name begins alike.
    if (workflowId !== plain && !isScheduled(workflowId, plain)) continue;
    runs.push(describePastRun(info));
    if (runs.length >= limit) break;
  }
  return runs.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** What Temporal's list of runs tells of one. */
export function describePastRun({
  workflowId,
  runId,
  startTime,
  closeTime,
  typedSearchAttributes,
}: WorkflowExecutionInfo): PastRun {
  const endedAt = closeTime?.toISOString() ?? null;
  const told = typedSearchAttributes.get(outcomeKey) ?? null;
  // A run that was terminated has no chance to say so.
  const outcome = endedAt === null ? 'running' : told === 'running' ? null : told;
  return { workflowId, runId, startedAt: startTime.toISOString(), endedAt, outcome };
}

/** Runs among which one is looked for by the beginning of its id. */
const MOST_RUNS = 500;

/**
 * The run whose id begins with `wanted`; without it the last that is over and was no dry run.
 *
 * @throws {CliError}
 */
export async function findPastRun(session: Session, wanted: string | undefined): Promise<PastRun> {
  const runs = await listPastRuns(session, MOST_RUNS);
  const { name } = session.config.cluster;
  if (wanted === undefined) {
    const last = runs.find(({ endedAt, outcome }) => endedAt !== null && outcome !== 'planned');
    if (last !== undefined) return last;
    throw new CliError(`No rolling update of ${name} has ended yet, or Temporal does not remember it any more.`, 1);
  }
  const [run, another] = runs.filter(({ runId }) => runId.startsWith(wanted.toLowerCase()));
  if (run !== undefined && another === undefined) return run;
  const many = run === undefined ? 'no rolling update' : 'more than one rolling update';
  const list = `\`${commandName(session.terminal.env)} history --json\` lists them`;
  throw new CliError(`There is ${many} of ${name} whose run id begins with "${wanted}"; ${list}.`, 1);
}

export function endOf({ client }: Session, { workflowId, runId }: PastRun): Promise<RunEnd<RollReport>> {
  return awaitEnd(ROLL, client.workflow.getHandle(workflowId, runId, { followRuns: false }));
}
