import type { NodePlan } from '../../domain/plan.ts';
import type { Policy, RollSettings } from '../../domain/policy.ts';
import type { Undo } from '../../domain/undo.ts';
import { quickActivities } from './activities.ts';
import type { NodeJournal } from './node-journal.ts';
import type { Operator } from './operator.ts';
import type { Recovery } from './recover.ts';
import { createUndoLedger, type UndoLedger } from './undo-ledger.ts';

/** What the steps of one node's update share. */
export interface NodeRun {
  readonly cluster: string;
  readonly node: string;
  readonly plan: NodePlan;
  readonly policy: Policy;
  /** vmid of the guest that the run itself lives in, if it lives in the cluster. */
  readonly orchestratorGuest: number | null;
  readonly operator: Operator;
  readonly journal: NodeJournal;
  readonly ledger: UndoLedger;
  readonly recovery: Recovery;
  /** Ids of its upgrades so far, each noted before it is started; all but the last are over. */
  readonly upgradeJobs: string[];
  /** The boot that it was asked to end, while nobody knows yet how that went. */
  readonly reboot: { mayStillEnd: string | null };
  readonly quick: ReturnType<typeof quickActivities>;
  /** Takes an entry off the undo list that somebody else has made pointless. */
  overtaken(undo: Undo, reason: string): void;
}

/** What a run has from its first moment, before it knows what to do. */
export type NodeDesk = Pick<NodeRun, 'journal' | 'operator' | 'recovery'>;

/** A run that has changed nothing yet. */
export function createNodeRun(plan: NodePlan, settings: RollSettings, desk: NodeDesk): NodeRun {
  const { cluster, policy, orchestratorGuest } = settings;
  const { journal, operator, recovery } = desk;
  const ledger = createUndoLedger([], journal.toUndo);
  return {
    cluster,
    node: plan.node,
    plan,
    policy,
    orchestratorGuest,
    operator,
    journal,
    ledger,
    recovery,
    upgradeJobs: [],
    reboot: { mayStillEnd: null },
    quick: quickActivities(policy.timeouts.workerLost),
    overtaken(undo, reason) {
      journal.warn(reason);
      ledger.settle(undo);
    },
  };
}
