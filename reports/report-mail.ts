import type { MailMessage } from '../domain/mail.ts';
import { MOST_BYTES, sizeOf } from './bounded.ts';
import { documentMail } from './document-mail.ts';
import { tame, type ReportDocument } from './document.ts';

/** Entries of a list that a mail names; half of it, and half again, when the mail is too large. `caretaker report` has the others. */
const LONGEST_LIST = 25;
const LONGEST_SUBJECT = 140;

/** The mail of a report, with lists as long as fit into it. */
export function reportMail(
  { id, subject, hints }: { readonly id: string; readonly subject: string; readonly hints: readonly string[] },
  documentOf: (longest: number) => ReportDocument,
): MailMessage {
  const write = (longest: number) => documentMail(id, shorten(subject), withHints(documentOf(longest), hints));
  let mail = write(LONGEST_LIST);
  for (let longest = LONGEST_LIST; longest > 0 && sizeOf(mail) > MOST_BYTES;) {
    longest = Math.floor(longest / 2);
    mail = write(longest);
  }
  return mail;
}

/** What a person does about a schedule whose run ended badly. */
export function scheduleHint(schedule: string): string {
  return `A schedule started this run, and may have paused itself because of how it ended: caretaker schedules list. When all is well: caretaker schedules resume ${schedule}.`;
}

function withHints(document: ReportDocument, hints: readonly string[]): ReportDocument {
  const blocks = hints.map((text) => ({ kind: 'text', text }) as const);
  return { ...document, sections: [...document.sections, { title: { text: '', tone: 'plain' }, blocks }] };
}

function shorten(subject: string): string {
  const line = tame(subject);
  return line.length <= LONGEST_SUBJECT ? line : `${line.slice(0, LONGEST_SUBJECT - 2)} …`;
}
