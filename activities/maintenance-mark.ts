import { activityInfo, cancellationSignal, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { quote, quotePath, type SshClient } from '../clients/ssh/index.ts';
import { undoLaterId } from '../domain/ids.ts';
import type { MaintenanceMark, MarkFacts, RunFate } from '../domain/maintenance-mark.ts';
import type { ActivityDeps } from './deps.ts';
import { isPassing, NoClearAnswer } from './guard.ts';

const TIMEOUT_MS = 20_000;

export function createMaintenanceMarkActivities(deps: ActivityDeps) {
  return {
    /** Whose the HA maintenance flag of a node is: what our mark on it says, and what became of those that set it. */
    async readMaintenanceMark({ node, cluster }: { node: string; cluster: string }): Promise<MarkFacts> {
      const [{ mark, bootId }, undoLater] = await Promise.all([
        readMark(deps, node),
        fateOf(undoLaterId(cluster, node)),
      ]);
      return { mark, bootId, undoLater, owner: mark && (await fateOf(mark.workflowId, mark.runId)) };
    },
  };
}

/** Notes on the node that the flag which is about to be set is this run's. Written beside and renamed. */
export async function writeMark(deps: ActivityDeps, node: string): Promise<void> {
  const { workflowId, runId } = activityInfo().workflowExecution ?? { workflowId: '', runId: '' };
  const mark = JSON.stringify({ workflowId, runId, since: new Date().toISOString() });
  // The boot it was set in, for a reboot of that run may still come.
  const file = `${quotePath(deps.stateDirectory)}/maintenance`;
  const line = [
    `mkdir -p ${quotePath(deps.stateDirectory)}`,
    'b=$(cat /proc/sys/kernel/random/boot_id)',
    `printf '%s\\n' ${quote(mark)} "$b" >${file}.new`,
    `mv ${file}.new ${file}`,
  ].join(' && ');
  await succeed(deps.ssh(node), node, line, 'note that its maintenance flag is ours');
}

/** The flag is off. A mark that stays behind says of a run that has ended well, which is nobody's to sweep up after. */
export async function removeMark(deps: ActivityDeps, node: string): Promise<void> {
  const line = `rm -f ${quotePath(deps.stateDirectory)}/maintenance`;
  try {
    await succeed(deps.ssh(node), node, line, 'remove the mark of its maintenance flag');
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
}

async function readMark(deps: ActivityDeps, node: string) {
  const line = `cat /proc/sys/kernel/random/boot_id && { cat ${quotePath(deps.stateDirectory)}/maintenance 2>/dev/null || true; }`;
  const [bootId = '', json = '', markedBoot = ''] = (await succeed(deps.ssh(node), node, line, 'look whose flag it is'))
    .split('\n')
    .map((each) => each.trim());
  return { bootId, mark: parseMark(json, markedBoot) };
}

function parseMark(json: string, bootId: string): MaintenanceMark | null {
  try {
    const { workflowId, runId, since } = JSON.parse(json) as Record<string, unknown>;
    if (typeof workflowId !== 'string' || typeof runId !== 'string' || typeof since !== 'string') return null;
    return bootId === '' ? null : { workflowId, runId, since, bootId };
  } catch {
    return null;
  }
}

async function succeed(ssh: SshClient, node: string, line: string, task: string): Promise<string> {
  const { code, stdout, stderr } = await ssh.exec(line, { timeoutMs: TIMEOUT_MS, signal: cancellationSignal() });
  if (code === 0) return stdout;
  throw new NoClearAnswer(`${node}: cannot ${task}: ${stderr.trim()}`);
}

/** Null when Temporal has no such run, or not any more. */
async function fateOf(workflowId: string, runId?: string): Promise<RunFate | null> {
  try {
    const { status, startTime, closeTime } = await getClient().workflow.getHandle(workflowId, runId).describe();
    const brokenOff = status.name === 'TERMINATED' || status.name === 'TIMED_OUT';
    return {
      state: closeTime === undefined ? 'running' : brokenOff ? 'broken-off' : 'ended',
      startedAt: startTime.toISOString(),
      endedAt: closeTime?.toISOString() ?? null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
