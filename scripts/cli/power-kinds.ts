import type { Client, WorkflowHandle } from '@temporalio/client';
import { powerRestoreId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { OutageProgress, OutageReport } from '../../domain/outage.ts';
import type { PowerPlan } from '../../domain/power-plan.ts';
import { OUTCOMES, outageDocument } from '../../reports/outage-document.ts';
import { powerPlanDocument } from '../../reports/power-plan-document.ts';
import type { PowerOutageResult } from '../../workflows/power-outage.ts';
import { outageChanges, renderOutage } from './render/power.ts';
import { renderDocument } from './render/document.ts';
import type { AnyReport, RunEnding, RunKind } from './run-kind.ts';
import { isSilence } from './temporal.ts';

/** An outage, or its rehearsal. */
export const OUTAGE: RunKind<OutageProgress, OutageReport & AnyReport> = {
  family: 'power',
  mark: 'highestPhase',
  afterTermination: 'start by hand what it has left down, and look at HA and the expected votes (pvecm status)',
  read: readOutage,
  renderProgress: renderOutage,
  changes: outageChanges,
  reportOf: (result) => {
    const { report } = result as PowerOutageResult;
    return { ...report, reason: OUTCOMES[report.outcome].text };
  },
  renderReport: (report, options) => renderDocument(outageDocument(report), options),
  isGood: ({ exceptions }) => exceptions.length === 0,
};

export const POWER_PLAN: RunEnding<PowerPlan & AnyReport> = {
  mark: 'timeLine',
  afterTermination: 'nothing was changed',
  reportOf: (result) => ({ ...(result as PowerPlan), reason: 'planned, nothing was changed' }),
  renderReport: (plan, options) => renderDocument(powerPlanDocument(plan), options),
  isGood: ({ plan }) => plan.shed.refused === null,
};

/** Where an outage stands. While the site comes back, the run that brings it back knows. */
async function readOutage(client: Client, handle: WorkflowHandle): Promise<OutageProgress> {
  const progress = await handle.query<OutageProgress>(Message.progress);
  if (progress.stage !== 'restore') return progress;
  const { ups, rehearsal, phase } = progress;
  const id = powerRestoreId(rehearsal ? `rehearsal/${ups}` : ups);
  try {
    return { ...(await client.workflow.getHandle(id).query<OutageProgress>(Message.progress)), phase };
  } catch (error) {
    if (isSilence(error)) throw error;
    // It has just begun, or just ended.
    return progress;
  }
}
