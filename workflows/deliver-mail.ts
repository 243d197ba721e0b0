import { ApplicationFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { ErrorType } from '../domain/errors.ts';
import type { MailMessage, MailReceipt } from '../domain/mail.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

/** For days, because a mail server that is down over a weekend must cost no report. */
const { sendMail } = proxyActivities<Activities>({
  startToCloseTimeout: '3 minutes',
  scheduleToCloseTimeout: '5 days',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '10 seconds', backoffCoefficient: 2, maximumInterval: '30 minutes' },
});

/**
 * Delivers one mail, however long the mail server is away; whoever wants it sent does not wait.
 *
 * A mail is not sent a second time to somebody who has it: its workflow id is its own, and recipients that the server
 * puts off are tried again without the others. A try whose answer was lost is repeated with the same Message-ID.
 *
 * Does nothing where no mail is configured. Fails with `RemoteRefused` when the server refuses it for good, and with
 * `RemoteUnavailable` after five days.
 */
export async function deliverMail(mail: MailMessage): Promise<MailReceipt> {
  describeRun('mail');
  try {
    const recipients = await deliver(mail);
    describeOutcome('done');
    return { outcome: recipients === null ? 'not-configured' : 'delivered', recipients: recipients ?? [] };
  } catch (error) {
    describeOutcome('failed');
    throw error;
  }
}

async function deliver(mail: MailMessage): Promise<string[] | null> {
  const date = workflowInfo().startTime.toISOString();
  const accepted: string[] = [];
  const refused: string[] = [];
  let to: readonly string[] | null = null;
  do {
    const delivery = await sendMail.executeWithOptions({ summary: mail.subject }, [{ ...mail, date, to }]);
    if (!delivery.configured) return null;
    accepted.push(...delivery.accepted);
    refused.push(...delivery.refused.map(({ address, reply }) => `${address} (${reply})`));
    // Each round takes somebody off the list: a try that reaches nobody fails and is repeated by Temporal.
    to = delivery.deferred;
  } while (to.length > 0);
  if (refused.length === 0) return accepted;
  throw ApplicationFailure.create({
    type: ErrorType.RemoteRefused,
    message: `The mail server refuses ${refused.join(', ')}; it took the mail for ${accepted.join(', ')}. Correct mail.to.`,
    nonRetryable: true,
  });
}
