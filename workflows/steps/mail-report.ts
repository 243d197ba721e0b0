import { workflowInfo } from '@temporalio/workflow';
import { isScheduled, rollingUpdateId, scheduledPlanId, weeklyUpdatesId } from '../../domain/ids.ts';
import type { FleetReport, WeeklyReport } from '../../domain/patch.ts';
import type { RollReport } from '../../domain/report.ts';
import { fleetMail } from '../../reports/fleet-mail.ts';
import { rollMail } from '../../reports/roll-mail.ts';
import { notify } from './notify.ts';

/** Mails how the run ended, once a run. A run that ended before it could write a report has nothing to tell. */
export async function mailReport(report: RollReport | null): Promise<void> {
  if (report === null || isNoNews(report)) return;
  const { workflowId, firstExecutionRunId } = workflowInfo();
  const bySchedule = isScheduled(workflowId, rollingUpdateId(report.cluster));
  await notify(rollMail(`report/${firstExecutionRunId}`, report, { bySchedule }));
}

/** The same for the patching of hosts. One mail for the weekly updates as a whole, none for each of their groups. */
export async function mailFleetReport(report: FleetReport | WeeklyReport | null): Promise<void> {
  if (report === null || workflowInfo().parent !== undefined) return;
  const { workflowId, firstExecutionRunId } = workflowInfo();
  const bySchedule = isScheduled(workflowId, weeklyUpdatesId(report.cluster));
  await notify(fleetMail(`report/${firstExecutionRunId}`, report, { bySchedule }));
}

/** Nobody wants to hear that there was nothing to do, nor of a plan that he has just asked for himself. */
function isNoNews({ outcome, cluster, plan }: RollReport): boolean {
  if (outcome === 'nothing-to-do') return true;
  if (outcome !== 'planned') return false;
  const nothingToDo = plan?.nodes.every(({ action }) => action === 'skip') ?? true;
  return nothingToDo || !isScheduled(workflowInfo().workflowId, scheduledPlanId(cluster));
}
