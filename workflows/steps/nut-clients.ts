import { ApplicationFailure, CancellationScope, CancelledFailure, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NutClientSettings, NutClientsInput, NutClientsReport } from '../../domain/nut-client.ts';
import { nutClientsMail } from '../../reports/nut-clients-mail.ts';
import { loadNutClientSettings } from './activities.ts';
import { explain, failureType, isAskedFor } from './failures.ts';
import { leaseOf, thisRun } from './lease.ts';
import { notify } from './notify.ts';
import { createNutClientsJournal, type NutClientsJournal } from './nut-clients-journal.ts';
import { listenToOperator, type Operator } from './operator.ts';
import type { NodeEnd } from './protect-node.ts';
import { describeOutcome, describeRun } from './run-attributes.ts';

const ADVICE = 'Start again when that run is over (rollingUpdate.timeouts.lease is how long it is waited for).';

/**
 * Has the NUT clients of the nodes made or removed, one after the other. Has the lease meanwhile: apt must not work on a
 * node that a rolling update is about to reboot, and while the UPS is on battery the clients stay as they are.
 */
export async function onEachNode(
  task: NutClientsReport['task'],
  input: NutClientsInput | null,
  work: (node: string, settings: NutClientSettings) => Promise<NodeEnd>,
): Promise<NutClientsReport> {
  const journal = createNutClientsJournal(task, () => operator);
  const operator = listenToOperator(() => journal.show());
  describeRun('nut-clients');

  // Nodes come to the end of their turn before a cancellation takes effect.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadNutClientSettings(input);
    journal.opened(settings);
    const { cluster, nodes, timeouts } = settings;
    const reason = `${task} the NUT clients of ${nodes.join(', ')}`;
    const lease = leaseOf(thisRun(), reason, { cluster, policy: { timeouts } }, operator, ADVICE);
    try {
      await lease.hold(timeouts.lease);
      for (const node of nodes) {
        await operator.safePoint();
        journal.begun(node);
        journal.over(node, await work(node, settings).catch(failed));
      }
      return returnOrThrow(journal.conclude());
    } catch (error) {
      throw journal.ended() ? error : endBadly(error, journal, operator);
    } finally {
      await lease.release();
      await tell(journal.ended());
    }
  });
}

function failed(error: unknown): NodeEnd {
  return { outcome: 'failed', reason: explain(error) };
}

function returnOrThrow(report: NutClientsReport): NutClientsReport {
  describeOutcome(report.outcome);
  if (report.outcome === 'done') return report;
  throw failureWith(report);
}

function endBadly(
  error: unknown,
  journal: NutClientsJournal,
  operator: Pick<Operator, 'cancelled'>,
): ApplicationFailure | CancelledFailure {
  const refused = failureType(error) === ErrorType.Refused;
  const report = journal.end(isAskedFor(error) ? 'aborted' : refused ? 'refused' : 'failed', explain(error));
  describeOutcome(report.outcome);
  return operator.cancelled ? new CancelledFailure(report.reason) : failureWith(report);
}

const TYPES = { aborted: ErrorType.Aborted, refused: ErrorType.Refused, failed: ErrorType.NutClientsFailed } as const;

function failureWith(report: NutClientsReport): ApplicationFailure {
  return ApplicationFailure.create({
    type: report.outcome === 'done' ? ErrorType.NutClientsFailed : TYPES[report.outcome],
    message: `NUT clients of ${report.cluster}: ${report.reason}`,
    nonRetryable: true,
    details: [report],
  });
}

/** Nobody wants to hear that there was nothing to do. */
async function tell(report: NutClientsReport | null): Promise<void> {
  if (report === null) return;
  if (report.outcome === 'done' && report.clients.every(({ outcome }) => outcome === 'unchanged')) return;
  await notify(nutClientsMail(`report/${workflowInfo().firstExecutionRunId}`, report));
}
