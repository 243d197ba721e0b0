import { ApplicationFailure, CancelledFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { HostReport } from '../../domain/patch.ts';
import { pendingOf } from '../../planning/patching.ts';
import { judgeReboot } from '../../planning/reboot-required.ts';
import { explain, failureType, isAskedFor } from './failures.ts';
import type { HostBefore, HostRun } from './host-run.ts';
import { describeOutcome } from './run-attributes.ts';

/** What a dry run tells. */
export function tellPlan({ journal, host }: HostRun, { reading }: HostBefore): HostReport {
  const pending = pendingOf(reading);
  journal.pending(pending);
  if ('unknown' in reading.pending) journal.warn(`its updates are not known: ${reading.pending.unknown}`);
  const { needed, because } = judgeReboot(reading.reboot, host.kind);
  if (needed === true) journal.stillWantsReboot(because);
  if (pending.length === 0 && needed !== true) {
    return journal.end('unchanged', 'by its package lists there is nothing to do');
  }
  const packages = pending.length === 1 ? '1 package' : `${pending.length} packages`;
  return journal.end('planned', `${packages} to upgrade by its package lists${needed ? ', and a reboot' : ''}`);
}

/** What to throw when a host cannot be gone on with. A canceled run ends as canceled; the query `report` tells its report. */
export function endBadly(error: unknown, { journal, host, operator }: HostRun): ApplicationFailure | CancelledFailure {
  if (failureType(error) === ErrorType.HostPatchFailed) return error as ApplicationFailure;
  const asked = isAskedFor(error);
  const reason = explain(error);
  const remedy = asked ? null : `Look at ${host.name}; then: caretaker patch ${host.name}.`;
  const report = journal.end(asked ? 'aborted' : 'failed', reason, remedy);
  describeOutcome(report.outcome);
  if (operator.cancelled) return new CancelledFailure(reason, [report]);
  return asked
    ? ApplicationFailure.create({ type: ErrorType.Aborted, message: reason, nonRetryable: true, details: [report] })
    : hostFailure(report, error);
}

/** A failure that carries the report of the host. */
export function hostFailure(report: HostReport, cause: unknown): ApplicationFailure {
  describeOutcome(report.outcome);
  return ApplicationFailure.create({
    type: ErrorType.HostPatchFailed,
    message: `${report.host}: ${report.reason}`,
    nonRetryable: true,
    details: [report],
    ...(cause instanceof Error ? { cause } : {}),
  });
}
