import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NodeReport } from '../../domain/report.ts';
import { skipNodeUpdate } from '../messages.ts';
import type { RollJournal } from './roll-journal.ts';

/** Nodes that an operator asked to leave out; only those whose turn has not come can be. */
export function listenToSkips(journal: RollJournal): ReadonlySet<string> {
  const skipped = new Set<string>();
  setHandler(
    skipNodeUpdate,
    (node) => {
      const names = (journal.plan()?.nodes ?? []).map((each) => each.node);
      if (!names.includes(node)) {
        throw invalid(`node: "${node}" is not in the plan (${names.join(', ') || 'not made yet'})`);
      }
      const phase = journal.progress().nodes.find((each) => each.node === node)?.phase;
      if (phase !== 'waiting') {
        throw invalid(
          `node: ${node} is no longer waiting (${phase ?? 'unknown'}); cancel the run to stop after its current step`,
        );
      }
      skipped.add(node);
      return `${node} will be skipped`;
    },
    { description: 'Leave out a node whose turn has not come. Argument: its name.' },
  );
  return skipped;
}

export function skippedReport(node: string): NodeReport {
  return {
    node,
    outcome: 'skipped',
    reason: 'an operator asked to skip it',
    phases: [],
    packages: [],
    reboot: null,
    guests: [],
    warnings: [],
    openUndo: [],
    decisions: [],
  };
}

function invalid(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, ErrorType.InvalidInput);
}
