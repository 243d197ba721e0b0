import type { FleetReport, HostLine, WeeklyReport } from '../domain/patch.ts';
import type { MailMessage } from '../domain/mail.ts';
import { fleetDocument, linesOf, mustBeFreed, titleOf } from './fleet-document.ts';
import { reportMail, scheduleHint } from './report-mail.ts';
import { count } from './words.ts';

/** Hosts that a subject names. */
const MOST_NAMED = 3;

/**
 * The mail that tells how the patching of hosts ended. Its subject says first whether somebody has to do something.
 *
 * @param bySchedule A schedule started the run, which may have paused it because the run failed.
 */
export function fleetMail(
  id: string,
  report: FleetReport | WeeklyReport,
  { bySchedule = false }: { readonly bySchedule?: boolean } = {},
): MailMessage {
  const fine = report.outcome === 'done' || report.outcome === 'planned';
  const hints = [...(bySchedule && !fine ? [scheduleHint('weekly-updates')] : []), HINT];
  return reportMail({ id, subject: subjectOf(report), hints }, (longest) => fleetDocument(report, { longest }));
}

const HINT = 'All hosts: caretaker patch report. One of them again: caretaker patch <host>.';

function subjectOf(report: FleetReport | WeeklyReport): string {
  const { outcome, reason } = report;
  const title = titleOf(report);
  const lowered = `${title.charAt(0).toLowerCase()}${title.slice(1)}`;
  const lines = linesOf(report);
  const of = (...outcomes: HostLine['outcome'][]) => lines.filter((line) => outcomes.includes(line.outcome));
  const bad = [
    { hosts: of('failed'), what: 'failed' },
    { hosts: of('rolled-back'), what: 'rolled back' },
  ].filter(({ hosts }) => hosts.length > 0);
  if (bad.length > 0) {
    return `FAILED: ${lowered}: ${bad.map(({ hosts, what }) => `${named(hosts)} ${what}`).join(', ')}`;
  }
  if (outcome === 'failed') return `FAILED: ${lowered}: ${reason}`;
  if (outcome === 'refused') return `REFUSED: ${lowered}: ${reason}`;
  if (outcome === 'aborted') return `ABORTED: ${lowered}: ${reason}`;
  const todo = [
    { hosts: of('not-started'), what: 'not started' },
    { hosts: of('aborted'), what: 'aborted' },
    { hosts: lines.filter(({ rebootPending }) => rebootPending), what: 'to reboot' },
    { hosts: of('skipped').filter(({ remedy }) => remedy !== null), what: 'skipped' },
    { hosts: lines.filter(mustBeFreed), what: 'with a snapshot to remove' },
  ].filter(({ hosts }) => hosts.length > 0);
  if (outcome === 'planned') return `${title}: ${reason}`;
  if (todo.length > 0)
    return `TO DO: ${lowered}: ${todo.map(({ hosts, what }) => `${named(hosts)} ${what}`).join(', ')}`;
  if (outcome === 'stopped') return `TO DO: ${lowered}: ${reason}`;
  return `${title}: ${reason}`;
}

/** `pihole-1 and plex-vm`, or `12 hosts`. */
function named(hosts: readonly HostLine[]): string {
  if (hosts.length > MOST_NAMED) return count(hosts.length, 'host');
  return hosts.map(({ host }) => host).join(' and ');
}
