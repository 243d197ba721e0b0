import { cancellationSignal } from '@temporalio/activity';
import type { Delivery, SmtpClient } from '../clients/smtp/index.ts';
import type { MailDelivery, MailMessage } from '../domain/mail.ts';

/** Way to the people of the configuration. */
export interface Postbox {
  readonly client: SmtpClient;
  readonly from: string;
  readonly to: readonly string[];
}

export interface SendMailInput extends MailMessage {
  /** ISO 8601; the date that the mail bears, whenever it is sent. */
  readonly date: string;
  /** Those who do not have it yet; null: everybody of the configuration. */
  readonly to: readonly string[] | null;
}

export function createMailActivities({ postbox }: { readonly postbox: Postbox | null }) {
  return {
    /**
     * Hands a mail to the server (RFC 5321). The server may have taken it although its answer was lost, so it can be sent
     * twice; both have one Message-ID. Fails with `RemoteRefused` when nobody is accepted, ever.
     */
    async sendMail({ id, date, subject, text, html, to }: SendMailInput): Promise<MailDelivery> {
      if (postbox === null) return { configured: false };
      const delivery = await postbox.client.send(
        {
          messageId: messageIdOf(id, postbox.from),
          date: new Date(date),
          from: { name: 'Caretaker', address: postbox.from },
          to: to ?? postbox.to,
          subject,
          text,
          ...(html === undefined ? {} : { html }),
        },
        cancellationSignal(),
      );
      return describe(delivery);
    },
  };
}

function describe({ accepted, rejected }: Delivery): MailDelivery {
  return {
    configured: true,
    accepted,
    deferred: rejected.filter(({ final }) => !final).map(({ address }) => address),
    refused: rejected.filter(({ final }) => final).map(({ address, reply }) => ({ address, reply })),
  };
}

/** Two ids never give the same Message-ID: what its left part may not hold (RFC 5322, 3.6.4) is written as a code. */
export function messageIdOf(id: string, from: string): string {
  const unique = id.replaceAll(/[^A-Za-z0-9/-]/g, (sign) => `=${sign.codePointAt(0)?.toString(16)}`);
  return `<${unique}@${from.slice(from.lastIndexOf('@') + 1)}>`;
}
