import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailId } from '../../domain/ids.ts';
import type { MailDelivery, MailMessage, MailReceipt } from '../../domain/mail.ts';
import { timeSkippingEnvironment, uniqueName, workflowBundle } from '../helpers/temporal.ts';
import type { SendMailInput } from '../../activities/mail.ts';
import { failureOf } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

/** Delivers a mail by a postman who answers each try in turn. */
async function deliver(postman: (mail: SendMailInput, attempt: number) => MailDelivery) {
  const tries: SendMailInput[] = [];
  const taskQueue = uniqueName('mail');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: {
      sendMail: (mail: SendMailInput) => {
        tries.push(mail);
        return Promise.resolve().then(() => postman(mail, tries.length));
      },
    },
  });
  const mail: MailMessage = { id: uniqueName('report'), subject: 'done', text: 'all is well', html: '<p>all is well' };
  const receipt = worker.runUntil(
    environment.client.workflow.execute('deliverMail', { taskQueue, workflowId: mailId(mail.id), args: [mail] }),
  ) as Promise<MailReceipt>;
  await receipt.catch(() => undefined);
  return { receipt, tries, mail };
}

const delivered = (changes: Partial<Extract<MailDelivery, { configured: true }>> = {}): MailDelivery => ({
  configured: true,
  accepted: ['admin@example.org'],
  deferred: [],
  refused: [],
  ...changes,
});

describe('the delivery of a mail', () => {
  it('outlasts a mail server that is away for two days, and is the same mail at every try', async () => {
    const start = await environment.currentTimeMs();
    const { receipt, tries } = await deliver((_, attempt) => {
      if (attempt < 100) throw ApplicationFailure.retryable('connection refused', 'RemoteUnavailable');
      return delivered();
    });
    await expect(receipt).resolves.toEqual({ outcome: 'delivered', recipients: ['admin@example.org'] });
    expect((await environment.currentTimeMs()) - start).toBeGreaterThan(2 * 24 * 3_600_000 - 6 * 3_600_000);
    expect(tries).toHaveLength(100);
    expect(new Set(tries.map((mail) => JSON.stringify(mail))).size).toBe(1);
  });

  it('tries those that were put off again, without those that have it', async () => {
    const { receipt, tries } = await deliver(({ to }, attempt) =>
      attempt === 1
        ? delivered({ accepted: ['one@example.org'], deferred: ['two@example.org'] })
        : delivered({ accepted: to ?? [] }),
    );
    await expect(receipt).resolves.toMatchObject({ recipients: ['one@example.org', 'two@example.org'] });
    expect(tries.map(({ to }) => to)).toEqual([null, ['two@example.org']]);
  });

  it('fails, and says whom the server refused, when others have it', async () => {
    const { receipt } = await deliver(() =>
      delivered({ refused: [{ address: 'old@example.org', reply: '550 no such user' }] }),
    );
    expect(await failureOf(receipt)).toMatchObject({
      type: 'RemoteRefused',
      message: expect.stringContaining('old@example.org (550 no such user)') as string,
    });
  });

  it('fails at once when the server refuses the mail for good', async () => {
    const { receipt, tries } = await deliver(() => {
      throw ApplicationFailure.nonRetryable('mail server: refuses the mail: 552 too large', 'RemoteRefused');
    });
    expect(await failureOf(receipt)).toMatchObject({ type: 'RemoteRefused' });
    expect(tries).toHaveLength(1);
  });

  it('ends with nothing done where no mail is configured', async () => {
    const { receipt } = await deliver(() => ({ configured: false }));
    await expect(receipt).resolves.toEqual({ outcome: 'not-configured', recipients: [] });
  });
});
