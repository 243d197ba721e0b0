import type { Client, WorkflowHandle } from '@temporalio/client';
import { dryRunId, patchFleetId, patchHostId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { FleetProgress, HostProgress, WeeklyProgress } from '../../domain/patch.ts';
import type { FleetView, WeeklyView } from './render/patch-progress.ts';

/** Hosts whose own runs are asked at each look. */
const MOST_ASKED = 20;

export async function readFleet(client: Client, handle: WorkflowHandle): Promise<FleetView> {
  const progress = await handle.query<FleetProgress>(Message.progress);
  const { cluster, dryRun } = progress;
  const runId = dryRun ? await firstRunId(handle) : '';
  const hosts = await Promise.all(
    progress.inHand.slice(0, MOST_ASKED).map(async (host) => {
      const id = patchHostId(cluster, host);
      return askIfThere<HostProgress>(client, dryRun ? dryRunId(id, runId) : id);
    }),
  );
  return { progress, hosts: hosts.filter((host) => host !== null) };
}

export async function readWeekly(client: Client, handle: WorkflowHandle): Promise<WeeklyView> {
  const progress = await handle.query<WeeklyProgress>(Message.progress);
  const group = progress.groups.find(({ state }) => state === 'in-hand');
  if (group === undefined) return { progress, fleet: null };
  const id = patchFleetId(progress.cluster, group.name);
  const fleet = client.workflow.getHandle(progress.dryRun ? dryRunId(id, await firstRunId(handle)) : id);
  return { progress, fleet: await readFleet(client, fleet).catch(() => null) };
}

async function firstRunId(handle: WorkflowHandle): Promise<string> {
  const { raw, runId } = await handle.describe();
  return raw.workflowExecutionInfo?.firstRunId || runId;
}

/** Null when the run has just ended, or has not begun: the news of the group must do. */
async function askIfThere<T>(client: Client, workflowId: string): Promise<T | null> {
  try {
    return await client.workflow.getHandle(workflowId).query<T>(Message.progress);
  } catch {
    return null;
  }
}
