import { ApplicationFailure } from '@temporalio/workflow';
import type { ClusterSnapshot } from '../../domain/cluster.ts';
import type { FailureClass } from '../../domain/decision.ts';
import { ErrorType } from '../../domain/errors.ts';
import { reasonsNotToGoOn } from '../../planning/before-disturbing.ts';
import { optionsNow } from '../../planning/decide.ts';
import type { NodeRun } from './node-run.ts';
import type { Trouble } from './recover.ts';

/** A guest that does not do what its node's update needs. */
export function guestTrouble(run: NodeRun, about: 'guestMove' | 'guestShutdown', vmid: number): Trouble {
  const { node, orchestratorGuest } = run;
  return {
    about,
    options: async () => optionsNow(about, { vmid, node, orchestratorGuest }, await look(run).catch(() => null)),
    checkAgain: () => checkCluster(run),
  };
}

/** Trouble of the node itself, or of the HA manager with it. */
export function nodeTrouble(
  run: NodeRun,
  about: FailureClass,
  checkAgain: Trouble['checkAgain'] = () => checkCluster(run),
): Trouble {
  return { about, options: () => Promise.resolve(optionsNow(about, null, null)), checkAgain };
}

/** Before anything is tried again; what was true at the first try may have changed while a person thought. */
async function checkCluster(run: NodeRun): Promise<void> {
  const reasons = reasonsNotToGoOn(await look(run), run.node, run.policy.disarmHa);
  if (reasons.length > 0) throw notYet(run.node, reasons);
}

export function notYet(node: string, reasons: readonly string[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.PlanChanged,
    message: `${node} cannot go on: ${reasons.join('; ')}. Mend this first.`,
    nonRetryable: true,
  });
}

export function look({ node, quick }: Pick<NodeRun, 'node' | 'quick'>): Promise<ClusterSnapshot> {
  return quick.readCluster.executeWithOptions({ summary: `${node}: look at the cluster again` }, [{ leaving: [node] }]);
}
