import type { HostReport, PatchOverrides } from '../../domain/patch.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';

/** Patches one host of the lab; the report, also of a run that failed. */
export async function patchHost(roll: RollLab, host: string, policy: PatchOverrides = {}): Promise<HostReport> {
  const handle = await startPatch(roll, host, policy);
  return reportOf(handle.result());
}

export function startPatch(roll: RollLab, host: string, policy: PatchOverrides = {}) {
  return roll.client.workflow.start<(input: { host: string; policy: PatchOverrides }) => Promise<HostReport>>(
    'patchHost',
    {
      workflowId: `patch-host/${roll.lab.access.cluster}/${host}`,
      taskQueue: TaskQueue.maintenance,
      args: [{ host, policy }],
    },
  );
}

/** The report of a run, which a failed one carries in its details. */
export async function reportOf(result: Promise<HostReport>): Promise<HostReport> {
  try {
    return await result;
  } catch (error) {
    const [report] = (error as { cause?: { details?: [HostReport?] } }).cause?.details ?? [];
    if (report === undefined) throw error;
    return report;
  }
}
