import type { MailMessage } from '../domain/mail.ts';
import type { RollOutcome, RollReport } from '../domain/report.ts';
import { MOST_BYTES, sizeOf } from './bounded.ts';
import { documentMail } from './document-mail.ts';
import { tame, type ReportDocument } from './document.ts';
import { rollDocument } from './roll-document.ts';
import { count } from './words.ts';

/** Entries of a list that a mail names; half of it, and half again, when the mail is too large. `caretaker report` has the others. */
const LONGEST_LIST = 25;
const LONGEST_SUBJECT = 140;

/**
 * The mail that tells how a run ended. Its subject says first whether somebody has to do something.
 *
 * @param bySchedule A schedule started the run, which may have paused it because the run failed.
 */
export function rollMail(id: string, report: RollReport, { bySchedule = false } = {}): MailMessage {
  const subject = subjectOf(report);
  const write = (longest: number): MailMessage => {
    const hints = bySchedule && FAILURES.has(report.outcome) ? [SCHEDULE_HINT, HINT] : [HINT];
    const document = withHints(rollDocument(report, { detail: 'full', longest }), hints);
    return documentMail(id, subject, document);
  };
  let mail = write(LONGEST_LIST);
  for (let longest = LONGEST_LIST; longest > 0 && sizeOf(mail) > MOST_BYTES;) {
    longest = Math.floor(longest / 2);
    mail = write(longest);
  }
  return mail;
}

const HINT = 'All packages and guests: caretaker report. Earlier runs: caretaker history.';

const SCHEDULE_HINT =
  'A schedule started this run, and may have paused itself because of how it ended: caretaker schedules list. When all is well: caretaker schedules resume node-update.';

const FAILURES: ReadonlySet<RollOutcome> = new Set<RollOutcome>(['failed', 'refused', 'aborted']);

function withHints(document: ReportDocument, hints: readonly string[]): ReportDocument {
  const blocks = hints.map((text) => ({ kind: 'text', text }) as const);
  return { ...document, sections: [...document.sections, { title: { text: '', tone: 'plain' }, blocks }] };
}

function subjectOf(report: RollReport): string {
  const { cluster, outcome } = report;
  const bad = { failed: 'FAILED', refused: 'REFUSED', aborted: 'ABORTED' } as const;
  const word = outcome in bad ? bad[outcome as keyof typeof bad] : null;
  if (word !== null) return shorten(`${word}: rolling update of ${cluster}: ${culprit(report)}`);
  const open = report.nodes.reduce((sum, node) => sum + node.openUndo.length, 0);
  if (open > 0) return shorten(`TO DO: rolling update of ${cluster}: ${count(open, 'change')} could not be taken back`);
  return shorten(`Rolling update of ${cluster}: ${report.reason}`);
}

/** The node on which it ended, unless the reason names it already. */
function culprit({ nodes, reason }: RollReport): string {
  const [node] = nodes.filter(({ outcome }) => outcome === 'failed' || outcome === 'refused');
  return node === undefined || reason.includes(node.node) ? reason : `${node.node}: ${reason}`;
}

function shorten(subject: string): string {
  const line = tame(subject);
  return line.length <= LONGEST_SUBJECT ? line : `${line.slice(0, LONGEST_SUBJECT - 2)} …`;
}
