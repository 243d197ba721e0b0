import { workflowInfo } from '@temporalio/workflow';
import type { RollOutcome, RollReport } from '../../domain/report.ts';
import { rollMail } from '../../reports/roll-mail.ts';
import { notify } from './notify.ts';

/** Nobody wants to hear that a plan was made, or that there was nothing to do. */
const SILENT: ReadonlySet<RollOutcome> = new Set<RollOutcome>(['planned', 'nothing-to-do']);

/** Mails how the run ended, once a run. A run that ended before it could write a report has nothing to tell. */
export async function mailReport(report: RollReport | null): Promise<void> {
  if (report === null || SILENT.has(report.outcome)) return;
  await notify(rollMail(`report/${workflowInfo().firstExecutionRunId}`, report));
}
