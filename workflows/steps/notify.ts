import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  log,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { mailId } from '../../domain/ids.ts';
import type { MailMessage } from '../../domain/mail.ts';
import { deliverMail } from '../deliver-mail.ts';

/**
 * Has a mail sent, by a run of its own that outlives this one. Waits only until the server has noted it, never for a
 * worker or a mail server, and never fails. A mail whose id was given before is not sent again.
 */
export async function notify(mail: MailMessage): Promise<void> {
  try {
    await CancellationScope.nonCancellable(() =>
      startChild(deliverMail, {
        workflowId: mailId(mail.id),
        args: [mail],
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.ABANDON,
        staticSummary: mail.subject,
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    log.warn('A mail could not be sent.', { id: mail.id, error });
  }
}
