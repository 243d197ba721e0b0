import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  NodeFate,
  OutageEvent,
  OutageOutcome,
  OutageProgress,
  OutageReport,
  PowerSettings,
} from '../../../domain/outage.ts';
import type { DischargePoint, PowerPhase } from '../../../domain/power.ts';
import { laterPhase } from '../../../planning/power-watch.ts';
import { outageProgressQuery, outageReportQuery } from '../../messages.ts';
import { now } from '../clock.ts';
import { outageDetails } from './details.ts';
import type { PowerWatcher } from './watcher.ts';

type Stage = OutageProgress['stage'];

/** Beginning and end tell the story; of an outage with more events, the middle is left out. */
const FIRST_EVENTS = 60;
const LAST_EVENTS = 140;

type Power = Pick<PowerWatcher, 'verdict' | 'watch' | 'onBattery'>;

/** What a run of the power workflows tells of itself. */
export interface OutageJournal {
  readonly progress: OutageProgress;
  readonly stageNow: Stage;
  readonly fates: Readonly<Record<string, NodeFate>>;
  /** For the next run of the same outage. */
  readonly memory: JournalMemory;
  note(text: string): void;
  stage(stage: Stage): void;
  phase(phase: PowerPhase): void;
  fate(node: string, fate: NodeFate): void;
  waitsFor(what: string | null): void;
  /** Goes on from what another run has noted. */
  goOn(fates: Readonly<Record<string, NodeFate>>, events: readonly OutageEvent[]): void;
  conclude(outcome: OutageOutcome, exceptions: readonly string[], discharge: readonly DischargePoint[]): OutageReport;
}

/** What a run notes, as plain data. */
export interface JournalMemory {
  readonly stage: Stage;
  readonly fates: Readonly<Record<string, NodeFate>>;
  readonly events: readonly OutageEvent[];
  /** The highest so far. */
  readonly phase: PowerPhase;
  /** ISO 8601 */
  readonly startedAt: string;
}

export interface JournalStart extends Partial<JournalMemory> {
  readonly settings: Pick<PowerSettings, 'cluster' | 'ups'>;
  readonly rehearsal: boolean;
  readonly stage: Stage;
}

export function openJournal(start: JournalStart, power: () => Power): OutageJournal {
  const { settings, rehearsal } = start;
  const { startedAt = now() } = start;
  const fates: Record<string, NodeFate> = { ...start.fates };
  let events: OutageEvent[] = [...(start.events ?? [])];
  let stage = start.stage;
  let { phase = 'normal' } = start;
  let waitingFor: string | null = null;
  let report: OutageReport | null = null;

  const progress = (): OutageProgress => {
    const { watch, verdict } = power();
    const { reading } = watch;
    return {
      cluster: settings.cluster,
      ups: settings.ups,
      rehearsal,
      phase,
      stage,
      because: verdict.because,
      onBattery: power().onBattery,
      charge: reading !== null && 'value' in reading.charge ? reading.charge.value : null,
      runtime: reading !== null && 'value' in reading.runtime ? reading.runtime.value : null,
      nodes: { ...fates },
      waitingFor,
      events,
    };
  };
  const show = (): void => setCurrentDetails(outageDetails(progress(), report));
  setHandler(outageProgressQuery, progress, { description: 'Where everything stands now.' });
  setHandler(outageReportQuery, () => report, { description: 'The report, or null before the end.' });

  return {
    get progress() {
      return progress();
    },
    get stageNow() {
      return stage;
    },
    get fates() {
      return fates;
    },
    get memory() {
      return { stage, fates: { ...fates }, events, phase, startedAt };
    },
    note(text) {
      const event = { at: now(), onBattery: power().onBattery, text };
      events = events.length < FIRST_EVENTS + LAST_EVENTS ? [...events, event] : [...shortened(events), event];
      show();
    },
    stage(next) {
      stage = next;
      show();
    },
    phase(next) {
      phase = laterPhase(phase, next);
      show();
    },
    fate(node, fate) {
      fates[node] = fate;
      show();
    },
    waitsFor(what) {
      if (waitingFor === what) return;
      waitingFor = what;
      show();
    },
    goOn(next, noted) {
      Object.assign(fates, next);
      events = [...noted];
      show();
    },
    conclude(outcome, exceptions, discharge) {
      stage = 'over';
      waitingFor = null;
      report = {
        cluster: settings.cluster,
        ups: settings.ups,
        outcome,
        startedAt,
        endedAt: now(),
        highestPhase: phase,
        onBattery: power().onBattery,
        nodes: { ...fates },
        exceptions,
        events,
        discharge,
      };
      show();
      return report;
    },
  };
}

function shortened(events: readonly OutageEvent[]): OutageEvent[] {
  return [...events.slice(0, FIRST_EVENTS), ...events.slice(FIRST_EVENTS + 1)];
}
