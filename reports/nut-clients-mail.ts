import type { MailMessage } from '../domain/mail.ts';
import type { NutClientsReport } from '../domain/nut-client.ts';
import { documentMail } from './document-mail.ts';
import { nutClientsDocument } from './nut-clients-document.ts';

/** The mail that tells how the making, or the removal, of the NUT clients ended. */
export function nutClientsMail(id: string, report: NutClientsReport): MailMessage {
  const document = nutClientsDocument(report);
  const word = report.outcome === 'done' ? '' : `${report.outcome.toUpperCase()}: `;
  return documentMail(id, `${word}${document.title}: ${report.reason}`, document);
}
