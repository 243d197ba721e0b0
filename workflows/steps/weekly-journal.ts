import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { FleetOutcome, FleetReport, WeeklyProgress, WeeklyReport, WeeklySettings } from '../../domain/patch.ts';
import { holdsPartnersBack } from '../../planning/fleet.ts';
import { countOutcomes, describeOutcomes } from '../../planning/host-line.ts';
import { boundedFleet, MOST_FLEET_BYTES } from '../../reports/bounded-fleet.ts';
import { weeklyProgressQuery, weeklyReportQuery } from '../messages.ts';
import { now } from './clock.ts';
import { weeklyDetails } from './details.ts';
import type { Operator } from './operator.ts';

/** What is known about the weekly updates so far, kept for the queries, the UI and the report. */
export interface WeeklyJournal {
  opened(settings: WeeklySettings): void;
  begun(group: string): void;
  /** Whether any group has been begun. */
  hasBegun(): boolean;
  over(report: FleetReport): void;
  /** Hosts that ended badly so far, or were aborted. */
  bad(): string[];
  /** Groups whose turn has not come. */
  left(): string[];
  show(): void;
  /** The report of a run in which every group had its turn. */
  conclude(): WeeklyReport;
  end(outcome: FleetOutcome, reason: string): WeeklyReport;
  /** The report, or null before the end. */
  ended(): WeeklyReport | null;
}

/** @param operator Asked late, for it tells the journal when something is new. */
export function createWeeklyJournal(operator: () => Pick<Operator, 'paused' | 'waitingFor'>): WeeklyJournal {
  const startedAt = now();
  const reports: FleetReport[] = [];
  let settings: WeeklySettings | null = null;
  let inHand: string | null = null;
  let ended: WeeklyReport | null = null;

  const stateOf = (name: string) =>
    reports.find((report) => report.name === name)?.outcome ?? (inHand === name ? 'in-hand' : 'waiting');
  const progress = (): WeeklyProgress => ({
    cluster: settings?.cluster ?? '',
    startedAt,
    paused: operator().paused,
    waitingFor: operator().waitingFor,
    dryRun: settings?.dryRun ?? false,
    groups: (settings?.groups ?? []).map((name) => ({ name, state: stateOf(name) })),
  });
  const show = () => {
    // Requests that came before the run's first step are heard while the operator is still being made.
    if (settings !== null) setCurrentDetails(weeklyDetails(progress()));
  };
  setHandler(weeklyProgressQuery, progress, { description: 'The groups, and how those that are over ended.' });
  setHandler(weeklyReportQuery, () => ended, { description: 'How it ended; null before.' });

  const end = (outcome: FleetOutcome, reason: string): WeeklyReport => {
    const share = MOST_FLEET_BYTES / Math.max(1, reports.length);
    const groups = reports.map((report) => boundedFleet(report, share));
    ended = { cluster: settings?.cluster ?? '', outcome, reason, groups, startedAt, endedAt: now() };
    show();
    return ended;
  };

  return {
    opened(found) {
      settings = found;
      show();
    },
    begun(group) {
      inHand = group;
      show();
    },
    hasBegun: () => inHand !== null || reports.length > 0,
    over(report) {
      reports.push(report);
      inHand = null;
      show();
    },
    bad: () =>
      reports.flatMap(({ hosts }) => hosts.filter(({ outcome }) => holdsPartnersBack(outcome)).map(({ host }) => host)),
    left: () => (settings?.groups ?? []).filter((name) => stateOf(name) === 'waiting'),
    show,
    conclude() {
      const outcomes = reports.map(({ outcome }) => outcome);
      const worst = WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'done';
      const counts = describeOutcomes(countOutcomes(reports.flatMap(({ hosts }) => hosts)));
      const left = reports.filter(({ outcome }) => outcome === 'stopped' || outcome === 'refused');
      const silent = left.filter(({ hosts }) => hosts.length === 0).map(({ name }) => name);
      return end(worst, silent.length === 0 ? counts : `${counts}; ${silent.join(', ')} not started`);
    },
    end,
    ended: () => ended,
  };
}

const WORST_FIRST: readonly FleetOutcome[] = ['failed', 'refused', 'aborted', 'stopped', 'planned', 'done'];
