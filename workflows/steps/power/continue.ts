import { workflowInfo } from '@temporalio/workflow';

/**
 * Events and bytes after which a run hands over to the next. Temporal ends a run for good at 51,200 events or 50 MB, and
 * nobody would bring the site back. Mains that flap every ten seconds add 2,160 events and 5 MB an hour, so a step between two
 * looks at this could take nine hours.
 */
const LONGEST = 400;
const LARGEST = 2_000_000;

/** Whether the run continues as new as soon as it is between two steps. */
export function isHistoryLong(): boolean {
  const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength >= LONGEST || historySize >= LARGEST;
}
