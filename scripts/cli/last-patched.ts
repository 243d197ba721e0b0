import { defineSearchAttributeKey } from '@temporalio/common';
import { mapLimited } from '../../activities/map-limited.ts';
import type { Fact } from '../../domain/condition.ts';
import { patchHostId } from '../../domain/ids.ts';
import type { HostOutcome } from '../../domain/patch.ts';
import { SearchAttribute } from '../../domain/search-attributes.ts';
import { connectToTemporal, isSilence, type TemporalSession } from './temporal.ts';
import { CliError, type Terminal } from './terminal.ts';

/** The last run that found the host in good order, and what it did. */
export interface LastPatched {
  /** ISO 8601. */
  readonly at: string;
  readonly outcome: HostOutcome;
}

const GOOD: readonly HostOutcome[] = ['patched', 'unchanged'];
const AT_A_TIME = 8;
/** It is not what the table is about. */
const CONNECT_TIMEOUT_MS = 2_000;
const outcomeKey = defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD');

/**
 * When each host was patched last, as far as Temporal remembers; null: it remembers nothing. Where Temporal does not
 * answer, nobody knows.
 */
export async function readLastPatched(
  {
    config,
    terminal,
  }: { readonly config: { readonly cluster: { readonly name: string } }; readonly terminal: Pick<Terminal, 'env'> },
  hosts: readonly string[],
): Promise<Fact<LastPatched | null>[]> {
  let session: TemporalSession;
  try {
    session = await connectToTemporal(terminal.env, CONNECT_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return hosts.map(() => ({ unknown: 'Temporal does not answer' }));
  }
  try {
    return await mapLimited(hosts, AT_A_TIME, (host) => lastOf(session, patchHostId(config.cluster.name, host)));
  } finally {
    await session.close();
  }
}

async function lastOf({ client }: TemporalSession, workflowId: string): Promise<Fact<LastPatched | null>> {
  const outcomes = GOOD.map((outcome) => `"${outcome}"`).join(', ');
  const query = `WorkflowId = "${workflowId}" AND ExecutionStatus = "Completed" AND ${SearchAttribute.outcome} IN (${outcomes})`;
  try {
    // Temporal lists the newest first.
    for await (const { closeTime, typedSearchAttributes } of client.workflow.list({ query, pageSize: 1 })) {
      const outcome = GOOD.find((each) => each === typedSearchAttributes.get(outcomeKey));
      if (closeTime !== undefined && outcome !== undefined) return { value: { at: closeTime.toISOString(), outcome } };
    }
    return { value: null };
  } catch (error) {
    if (isSilence(error)) return { unknown: 'Temporal does not answer' };
    // Search attributes are registered by the first worker.
    return { unknown: `Temporal cannot tell (${error instanceof Error ? error.message : String(error)})` };
  }
}
