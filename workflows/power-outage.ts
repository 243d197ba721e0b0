import { CancellationScope, condition } from '@temporalio/workflow';
import type { OutageOutcome, OutageReport } from '../domain/outage.ts';
import type { PowerNotice, PowerVerdict, WatchState } from '../domain/power.ts';
import { afterOutage } from '../planning/power-watch.ts';
import { mainsBackMail, outageAgainMail, outageBeganMail, outageReportMail } from '../reports/outage-mail.ts';
import { needed } from './steps/power/activities.ts';
import { bringBack } from './steps/power/bring-back.ts';
import { goDown } from './steps/power/final.ts';
import { keepOutOfTheWay } from './steps/power/keep-out-of-the-way.ts';
import { isAsBefore } from './steps/power/as-before.ts';
import { isChanged, phaseWanted, type Outage } from './steps/power/outage.ts';
import { noteSite } from './steps/power/note-site.ts';
import { openOutage } from './steps/power/open-outage.ts';
import { shed } from './steps/power/shed.ts';
import { tell } from './steps/power/tell.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

export interface PowerOutageInput {
  /**
   * From `powerGuard`, which has seen it begin. Without it this is a rehearsal: the whole sequence with reads alone, and a
   * log of what would be done. So whoever starts it by hand can shut nothing down.
   */
  readonly seen?: {
    readonly state: WatchState;
    readonly verdict: PowerVerdict;
    /** Notices that people have been told of. */
    readonly told: readonly PowerNotice[];
    /** ISO 8601: when earlier outages shut nodes down. */
    readonly recent: readonly string[];
  };
}

export interface PowerOutageResult {
  readonly report: OutageReport;
  readonly state: WatchState;
  readonly told: readonly PowerNotice[];
}

/** Between two rounds of a phase in which something did not go. */
const ANOTHER_ROUND = '30 seconds';

/**
 * Answers one power cut from its first seconds until everything is as it was before.
 *
 * Phase 1 holds: people are told, maintenance makes way, and the site is noted down. Phase 2 sheds nodes, phase 3 shuts the
 * rest down; LB, FSD, charge, runtime and silence begin them before their time. Mains that come back stop it between two
 * steps; what was shut down is brought back by `powerRestore`, and if the mains fail again meanwhile, it goes on here with
 * the time on battery added up.
 *
 * Guarantees: no step is taken unless the UPS has just said that the power is out, or is silent since it said so. No step
 * waits for mail, for maintenance that does not end, or for a step that fails. It stays open until the site is back.
 */
export async function powerOutage(input: PowerOutageInput = {}): Promise<PowerOutageResult> {
  describeRun('power-outage');
  // Whoever cancels it would leave a site half down: `abort` is the way to end it.
  return CancellationScope.nonCancellable(async () => {
    const settings = await needed.loadPowerSettings.executeWithOptions({ summary: 'read the configuration' }, []);
    if (input.seen === undefined) keepOutOfTheWay(settings);
    const outage = openOutage(settings, input.seen ?? null);
    const { journal, power, rehearsal } = outage;
    journal.phase('hold');
    journal.note(power.verdict.because ?? 'the UPS is on battery');
    await tell(outage, 'began', (head) => outageBeganMail({ ...head, reading: power.watch.reading }));
    const noted = noteSite(outage);
    for (;;) {
      await (rehearsal ? goThroughAll(outage, noted) : goThrough(outage));
      const exceptions = await bringBackUnlessNothingIsMissing(outage);
      if (exceptions !== 'power-lost') return conclude(outage, exceptions);
    }
  });
}

/** For a rehearsal: every phase, one after the other. */
async function goThroughAll(outage: Outage, noted: Promise<void>): Promise<void> {
  await noted;
  await shed(outage);
  await goDown(outage);
}

/** Phase after phase, until the mains are back to stay. */
async function goThrough(outage: Outage): Promise<void> {
  const { power, journal } = outage;
  const isBack = (): boolean => power.verdict.mains === 'on';
  const next = (): (() => Promise<void>) | null => {
    const phase = phaseWanted(outage);
    if (phase === 'final') return outage.finalDone ? null : () => goDown(outage);
    return phase === 'shed' && !outage.shedDone ? () => shed(outage) : null;
  };
  while (!isBack()) {
    const begin = next();
    if (begin === null) {
      journal.waitsFor(outage.finalDone ? 'the mains' : 'the mains, or the next phase');
      await condition(() => isBack() || next() !== null);
      journal.waitsFor(null);
      continue;
    }
    await begin();
    // What did not go is tried again, but never in a hurry.
    const { phase } = journal.progress;
    if (next() !== null && phaseWanted(outage) === phase) {
      await condition(() => isBack() || phaseWanted(outage) !== phase, ANOTHER_ROUND);
    }
  }
  journal.stage('mains-back');
  journal.note('the mains are back');
  await tell(outage, `back/${power.news}`, (head) => mainsBackMail({ ...head, progress: journal.progress }));
}

async function bringBackUnlessNothingIsMissing(outage: Outage): Promise<'power-lost' | readonly string[]> {
  if (!outage.rehearsal && !isChanged(outage) && (await isAsBefore(outage))) return [];
  const { round } = outage;
  const ended = await bringBack(outage);
  if (ended === 'power-lost') {
    const { reading } = outage.power.watch;
    const { progress } = outage.journal;
    await tell(outage, `again/${round}`, (head) => outageAgainMail({ ...head, reading, progress }));
  }
  return ended;
}

async function conclude(outage: Outage, exceptions: readonly string[]): Promise<PowerOutageResult> {
  const { journal, power, lease, notices } = outage;
  const { watch, seenAt } = await power.stop();
  const discharge = [...outage.discharge, ...watch.discharge];
  const report = journal.conclude(outcomeOf(outage, exceptions), exceptions, discharge);
  await lease.release();
  describeOutcome(report.outcome);
  await tell({ ...outage, rehearsal: false }, 'report', (head) => outageReportMail(head.id, report));
  return { report, state: { watch: afterOutage(watch), seenAt }, told: notices.known };
}

function outcomeOf(outage: Outage, exceptions: readonly string[]): OutageOutcome {
  if (outage.rehearsal) return 'rehearsed';
  if (outage.ended || (outage.orders.aborted && exceptions.length > 0)) return 'aborted';
  if (exceptions.length > 0) return 'restored-with-exceptions';
  return outage.changed ? 'restored' : 'blip';
}
