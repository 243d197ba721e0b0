import { z } from 'zod';
import { address, mailAddress, path, port, secretRef } from './formats.ts';

/** Usual port of each kind of connection (RFC 8314, RFC 6409, RFC 5321). */
export const MAIL_PORTS = { tls: 465, starttls: 587, none: 25 } as const;

export const mailSchema = z.strictObject({
  host: address.describe('Mail server (SMTP) that takes the mails.'),
  port: port
    .exactOptional()
    .describe('Its port. Without it the usual one: 465 for `tls`, 587 for `starttls`, 25 for `none`.'),
  security: z
    .enum(['tls', 'starttls', 'none'])
    .default('starttls')
    .describe(
      '`tls`: encrypted from the start. `starttls`: encrypted before anything is sent, or nothing is sent. `none`: in clear text.',
    ),
  caFile: path
    .exactOptional()
    .describe('Certificate authority of the mail server, if it is not one that everybody knows.'),
  user: z.string().min(1).exactOptional().describe('Account at the mail server. Without it there is no login.'),
  password: secretRef.exactOptional().describe('Password of that account.'),
  from: mailAddress.describe('Address that the mails come from.'),
  to: z.array(mailAddress).min(1).describe('Who gets the mails.'),
});

export type MailConfig = z.output<typeof mailSchema>;
