import type { MailMessage } from '../domain/mail.ts';
import { documentMail } from './document-mail.ts';
import { plain } from './document.ts';

export interface ComingReboot {
  readonly host: string;
  readonly because: readonly string[];
  /** ISO 8601. */
  readonly at: string;
  readonly workflowId: string;
}

/** The mail that announces a reboot while a person may still stop it. */
export function rebootMail(id: string, { host, because, at, workflowId }: ComingReboot): MailMessage {
  return documentMail(id, `${host} reboots at ${at} unless you stop it`, {
    title: `${host} is about to reboot`,
    outcome: { text: `at ${at}`, tone: 'caution' },
    summary: [`It was upgraded and wants a reboot: ${because.join('; ')}.`],
    facts: [['Run', workflowId]],
    sections: [
      {
        title: plain('Until then'),
        blocks: [
          {
            kind: 'items',
            items: [
              { ...plain('Stop it'), details: [['Command', `caretaker patch skip-reboot ${host}`]] },
              { ...plain('Have it now'), details: [['Command', `caretaker patch reboot-now ${host}`]] },
            ],
          },
        ],
      },
    ],
  });
}
