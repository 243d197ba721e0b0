import type { NodePlan } from '../../domain/plan.ts';
import type { Policy } from '../../domain/policy.ts';
import type { quickActivities } from './activities.ts';
import type { NodeJournal } from './node-journal.ts';
import type { Operator } from './operator.ts';
import type { UndoLedger } from './undo-ledger.ts';

/** What the steps of one node's update share. */
export interface NodeRun {
  readonly node: string;
  readonly plan: NodePlan;
  readonly policy: Policy;
  readonly operator: Operator;
  readonly journal: NodeJournal;
  readonly ledger: UndoLedger;
  readonly quick: ReturnType<typeof quickActivities>;
}
