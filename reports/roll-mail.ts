import type { MailMessage } from '../domain/mail.ts';
import type { RollOutcome, RollReport } from '../domain/report.ts';
import { reportMail, scheduleHint } from './report-mail.ts';
import { rollDocument } from './roll-document.ts';
import { count } from './words.ts';

/**
 * The mail that tells how a run ended. Its subject says first whether somebody has to do something.
 *
 * @param bySchedule A schedule started the run, which may have paused it because the run failed.
 */
export function rollMail(id: string, report: RollReport, { bySchedule = false } = {}): MailMessage {
  const hints = bySchedule && FAILURES.has(report.outcome) ? [scheduleHint('node-update'), HINT] : [HINT];
  return reportMail({ id, subject: subjectOf(report), hints }, (longest) =>
    rollDocument(report, { detail: 'full', longest }),
  );
}

const HINT = 'All packages and guests: caretaker report. Earlier runs: caretaker history.';

const FAILURES: ReadonlySet<RollOutcome> = new Set<RollOutcome>(['failed', 'refused', 'aborted']);

function subjectOf(report: RollReport): string {
  const { cluster, outcome } = report;
  const bad = { failed: 'FAILED', refused: 'REFUSED', aborted: 'ABORTED' } as const;
  const word = outcome in bad ? bad[outcome as keyof typeof bad] : null;
  if (word !== null) return `${word}: rolling update of ${cluster}: ${culprit(report)}`;
  const open = report.nodes.reduce((sum, node) => sum + node.openUndo.length, 0);
  if (open > 0) return `TO DO: rolling update of ${cluster}: ${count(open, 'change')} could not be taken back`;
  return `Rolling update of ${cluster}: ${report.reason}`;
}

/** The node on which it ended, unless the reason names it already. */
function culprit({ nodes, reason }: RollReport): string {
  const [node] = nodes.filter(({ outcome }) => outcome === 'failed' || outcome === 'refused');
  return node === undefined || reason.includes(node.node) ? reason : `${node.node}: ${reason}`;
}
