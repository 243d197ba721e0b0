import { ApplicationFailure, condition, defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import { ErrorType } from '../../../domain/errors.ts';
import { Message } from '../../../domain/messages.ts';
import type { PolicyOverrides } from '../../../domain/policy.ts';
import type { RollOutcome, RollProgress, RollReport } from '../../../domain/report.ts';
import { plan, progress } from '../../unit/samples/cli.ts';

/** The real one; it comes to no activity before its first pause is over. */
export { undoLater } from '../../../workflows/undo-later.ts';

/**
 * Speaks the language of the real workflow and touches nothing. The nodes it is given choose how it ends:
 * `fails`, `waits` for an approval, anything else is done at once.
 */
export async function rollingUpdate(input: PolicyOverrides): Promise<RollReport> {
  const role = input.nodes?.[0] ?? 'goes';
  const startedAt = new Date().toISOString();
  let approved = role !== 'waits';
  const waitingFor = (): string | null => (approved ? null : 'approve the plan');
  setHandler(defineQuery<RollProgress>(Message.progress), () => ({
    ...progress,
    startedAt,
    waitingFor: waitingFor(),
    asking: !approved,
  }));
  setHandler(defineQuery(Message.plan), () => plan);
  setHandler(
    defineUpdate<string>(Message.approve),
    () => {
      approved = true;
      return 'the plan is approved';
    },
    {
      validator: () => {
        if (approved) throw ApplicationFailure.nonRetryable('nothing waits for an approval', ErrorType.InvalidInput);
      },
    },
  );

  const report = (outcome: RollOutcome, reason: string): RollReport => ({
    cluster: 'homelab',
    outcome,
    reason,
    startedAt,
    endedAt: new Date().toISOString(),
    plan,
    nodes: [],
    warnings: [],
    waits: [],
  });
  if (input.dryRun) return report('planned', 'dry run');
  if (role === 'fails') {
    const details = [report('failed', 'pve1 did not rejoin')];
    throw ApplicationFailure.create({
      type: ErrorType.RollFailed,
      message: 'pve1 did not rejoin',
      nonRetryable: true,
      details,
    });
  }
  await condition(() => approved);
  return report('done', 'everything went well');
}
