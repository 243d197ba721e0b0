import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  FleetOutcome,
  FleetProgress,
  FleetReport,
  FleetSettings,
  HostLine,
  HostOutcome,
} from '../../domain/patch.ts';
import { isBad } from '../../planning/fleet.ts';
import { countOutcomes, packLine, unpackLine, type PackedLine } from '../../planning/host-line.ts';
import { boundedFleet, boundedLine, boundedLines } from '../../reports/bounded-fleet.ts';
import { fleetProgressQuery, fleetReportQuery } from '../messages.ts';
import { now } from './clock.ts';
import { fleetDetails } from './details.ts';
import type { Operator } from './operator.ts';

/** What goes along when the run of a group continues as new. */
export interface FleetCarried {
  readonly startedAt: string;
  readonly settings: FleetSettings;
  /** Of the hosts that are over. */
  readonly lines: readonly PackedLine[];
}

/** What is known about the patching of a group so far, kept for the queries, the UI and the report. */
export interface FleetJournal {
  /** The run knows which hosts it is about. */
  opened(settings: FleetSettings): void;
  begun(host: string): void;
  /** Whether any host has been begun. */
  hasBegun(): boolean;
  over(line: HostLine): void;
  readonly inHand: ReadonlySet<string>;
  outcomes(): ReadonlyMap<string, HostOutcome>;
  /** Hosts whose turn has not come. */
  left(): string[];
  lines(): HostLine[];
  show(): void;
  carried(settings: FleetSettings): FleetCarried;
  /** Writes the report. */
  end(outcome: FleetOutcome, reason: string): FleetReport;
  /** The report, or null before the end. */
  ended(): FleetReport | null;
}

/** Of those that ended badly; the report names all. */
const MOST_SHOWN = 50;

/** Temporal takes 2 MiB as the input of a run. */
const MOST_CARRIED_BYTES = 1_400_000;

/** @param operator Asked late, for it tells the journal when something is new. */
export function createFleetJournal(
  name: string,
  operator: () => Pick<Operator, 'paused' | 'waitingFor'>,
  carried: FleetCarried | undefined,
): FleetJournal {
  const startedAt = carried?.startedAt ?? now();
  const lines = new Map((carried?.lines ?? []).map((line) => [line[0], unpackLine(line)]));
  const inHand = new Set<string>();
  let settings = carried?.settings ?? null;
  let ended: FleetReport | null = null;

  /** In the order of their turns. */
  const ordered = () => (settings?.hosts ?? []).flatMap((host) => lines.get(host) ?? []);
  const progress = (): FleetProgress => ({
    cluster: settings?.cluster ?? '',
    name,
    startedAt,
    paused: operator().paused,
    waitingFor: operator().waitingFor,
    dryRun: settings?.dryRun ?? false,
    hosts: settings?.hosts.length ?? 0,
    inHand: [...inHand],
    over: countOutcomes([...lines.values()]),
    bad: [...lines.values()].filter(({ outcome }) => isBad(outcome)).slice(-MOST_SHOWN),
  });
  const show = () => {
    // Requests that came before the run's first step are heard while the operator is still being made.
    if (settings !== null) setCurrentDetails(fleetDetails(progress(), ended));
  };
  setHandler(fleetProgressQuery, progress, { description: 'Hosts that are in hand, and how the others ended.' });
  setHandler(fleetReportQuery, () => ended, { description: 'How it ended; null before.' });

  return {
    opened(found) {
      settings = found;
      show();
    },
    begun(host) {
      inHand.add(host);
      show();
    },
    hasBegun: () => inHand.size > 0 || [...lines.values()].some(({ outcome }) => outcome !== 'not-started'),
    over(line) {
      inHand.delete(line.host);
      lines.set(line.host, boundedLine(line));
      show();
    },
    inHand,
    outcomes: () => new Map([...lines].map(([host, { outcome }]) => [host, outcome])),
    left: () => (settings?.hosts ?? []).filter((host) => !lines.has(host) && !inHand.has(host)),
    lines: ordered,
    show,
    carried: (of) => ({
      startedAt,
      settings: of,
      lines: boundedLines([...lines.values()], MOST_CARRIED_BYTES).map(packLine),
    }),
    end(outcome, reason) {
      const cluster = settings?.cluster ?? '';
      ended = boundedFleet({ cluster, name, outcome, reason, hosts: ordered(), startedAt, endedAt: now() });
      show();
      return ended;
    },
    ended: () => ended,
  };
}
