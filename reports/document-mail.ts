import type { MailMessage } from '../domain/mail.ts';
import { asHtml } from './as-html.ts';
import { asText } from './as-text.ts';
import { tame, type ReportDocument } from './document.ts';

/** Lines of a text mail (RFC 3676). */
const MAIL_WIDTH = 78;

/** A document as a mail, in text and HTML. */
export function documentMail(id: string, subject: string, document: ReportDocument): MailMessage {
  return {
    id,
    subject: tame(subject),
    text: `${asText(document, { width: MAIL_WIDTH })}\n`,
    html: asHtml(document),
  };
}
