import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../../../domain/errors.ts';
import { powerOutageId, powerRehearsalId } from '../../../domain/ids.ts';
import type { PowerSettings } from '../../../domain/outage.ts';

/**
 * Under the id of an outage, a rehearsal would keep a real one from being answered.
 *
 * @throws {ApplicationFailure} `InvalidInput`
 */
export function keepOutOfTheWay({ ups }: PowerSettings): void {
  if (workflowInfo().workflowId !== powerOutageId(ups)) return;
  throw ApplicationFailure.nonRetryable(
    `A rehearsal cannot have the id of an outage. Start it as ${powerRehearsalId(ups)}, or with \`caretaker power rehearse\`.`,
    ErrorType.InvalidInput,
  );
}
