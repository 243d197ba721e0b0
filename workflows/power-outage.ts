import { CancellationScope, condition, continueAsNew } from '@temporalio/workflow';
import type { OutageReport, PowerSettings } from '../domain/outage.ts';
import type { PowerNotice, PowerVerdict, WatchState } from '../domain/power.ts';
import { nextPhase, pauseAfter } from '../planning/outage-round.ts';
import { mainsBackMail, outageAgainMail, outageBeganMail } from '../reports/outage-mail.ts';
import { needed } from './steps/power/activities.ts';
import { isAsBefore } from './steps/power/as-before.ts';
import { bringBack, type ReturnEnd } from './steps/power/bring-back.ts';
import { conclude } from './steps/power/conclude.ts';
import { isHistoryLong } from './steps/power/continue.ts';
import { goDown } from './steps/power/final.ts';
import type { JournalMemory } from './steps/power/journal.ts';
import { keepOutOfTheWay } from './steps/power/keep-out-of-the-way.ts';
import { noteSite } from './steps/power/note-site.ts';
import { beginNextRound, openOutage } from './steps/power/open-outage.ts';
import { isChanged, memoryOf, phaseOf, type Outage, type OutageMemory } from './steps/power/outage.ts';
import { shed } from './steps/power/shed.ts';
import { tell } from './steps/power/tell.ts';
import { describeRun } from './steps/run-attributes.ts';

export interface PowerOutageInput {
  /**
   * From `powerGuard`, which has seen it begin, or from the run before. Without it this is a rehearsal: the whole sequence
   * with reads alone, and a log of what would be done. So whoever starts it by hand can shut nothing down.
   */
  readonly seen?: {
    readonly state: WatchState;
    readonly verdict: PowerVerdict;
    /** Notices that people have been told of. */
    readonly told: readonly PowerNotice[];
    /** ISO 8601: when earlier outages shut nodes down. */
    readonly recent: readonly string[];
  };
  /** From the run before this one. */
  readonly carried?: {
    readonly settings: PowerSettings;
    readonly memory: OutageMemory;
    readonly noted: JournalMemory;
    /** Milliseconds on battery that the watch has forgotten. */
    readonly forgotten: number;
  };
}

export interface PowerOutageResult {
  readonly report: OutageReport;
  readonly state: WatchState;
  readonly told: readonly PowerNotice[];
  /** ISO 8601: when nodes were shut down lately, by this outage too. */
  readonly recent: readonly string[];
}

/**
 * Answers one power cut from its first seconds until everything is as it was before.
 *
 * Phase 1 holds: people are told, maintenance makes way, and the site is noted down. Phase 2 sheds nodes, phase 3 shuts the
 * rest down; LB, FSD, charge, runtime and silence begin them before their time. Mains that come back stop it between two
 * steps; what was shut down is brought back by `powerRestore`, and if the mains fail again meanwhile, it goes on here with
 * the time on battery added up and a round of its own.
 *
 * Guarantees: no step is taken unless the UPS has just said that the power is out, or is silent since it said so. No step
 * waits for mail, for maintenance that does not end, or for a step that fails. It stays open until the site is back, by
 * continuing as new for as long as that takes.
 */
export async function powerOutage(input: PowerOutageInput = {}): Promise<PowerOutageResult> {
  describeRun('power-outage');
  // Whoever cancels it would leave a site half down: `abort` is the way to end it.
  return CancellationScope.nonCancellable(async () => {
    const settings =
      input.carried?.settings ??
      (await needed.loadPowerSettings.executeWithOptions({ summary: 'read the configuration' }, []));
    if (input.seen === undefined) keepOutOfTheWay(settings);
    const outage = openOutage(settings, input);
    const { journal, power, rehearsal } = outage;
    if (input.carried === undefined) {
      journal.phase('hold');
      journal.note(power.verdict.because ?? 'the UPS is on battery');
      await tell(outage, 'began', (head) => outageBeganMail({ ...head, reading: power.watch.reading }));
    }
    const noted = outage.site === null ? noteSite(outage) : Promise.resolve();
    for (;;) {
      if (rehearsal) await noted.then(() => goThroughAll(outage));
      else if ((await goThrough(outage)) === 'too-long') return handOver(outage);
      const ended = await bringBackUnlessNothingIsMissing(outage);
      if (ended !== 'power-lost') return conclude(outage, ended);
      await beginAgain(outage);
    }
  });
}

/** For a rehearsal: every phase, one after the other. */
async function goThroughAll(outage: Outage): Promise<void> {
  await shed(outage);
  await goDown(outage);
}

/** Phase after phase, until the mains are back to stay, or the history grows long. */
async function goThrough(outage: Outage): Promise<'mains-back' | 'too-long'> {
  const { power, journal, round } = outage;
  const isBack = (): boolean => power.verdict.mains === 'on';
  // Nothing is begun, not even by order, while the mains are there and only have to prove that they stay.
  const next = () => (power.verdict.mains === 'out' ? nextPhase(phaseOf(outage), round) : null);
  let tries = 0;
  while (!isBack()) {
    if (isHistoryLong()) return 'too-long';
    const phase = next();
    if (phase === null) {
      journal.waitsFor(round.finalDone ? 'the mains' : 'the mains, or the next phase');
      await condition(() => isBack() || next() !== null || isHistoryLong());
      journal.waitsFor(null);
      tries = 0;
      continue;
    }
    const { pressing } = power.verdict;
    const { arrivals } = round;
    await (phase === 'final' ? goDown(outage) : shed(outage));
    tries += 1;
    // What did not go is tried again, but never in a hurry, unless the battery is.
    const isNew = (): boolean => next() !== phase || power.verdict.pressing !== pressing || round.arrivals !== arrivals;
    await condition(() => isBack() || isNew(), `${pauseAfter(tries)} seconds`);
    if (isNew()) tries = 0;
  }
  journal.stage('mains-back');
  journal.note('the mains are back');
  await tell(outage, `back/${round.number}`, (head) => mainsBackMail({ ...head, progress: journal.progress }));
  return 'mains-back';
}

async function bringBackUnlessNothingIsMissing(outage: Outage): Promise<ReturnEnd> {
  const isUntouched = !outage.rehearsal && !isChanged(outage) && (await isAsBefore(outage));
  return isUntouched ? { exceptions: [], isAborted: false } : bringBack(outage);
}

/** The mains have failed again while the site came back. */
async function beginAgain(outage: Outage): Promise<void> {
  beginNextRound(outage);
  outage.journal.stage('hold');
  const { power, round, journal } = outage;
  const { reading } = power.watch;
  await tell(outage, `again/${round.number}`, (head) =>
    outageAgainMail({ ...head, reading, progress: journal.progress }),
  );
}

/** Nothing is under way: all that is known goes to a run with an empty history. */
async function handOver(outage: Outage): Promise<never> {
  const { power, notices, recent, settings, journal } = outage;
  const state = await power.stop();
  return continueAsNew<typeof powerOutage>({
    seen: { state, verdict: power.verdict, told: notices.known, recent },
    carried: { settings, memory: memoryOf(outage), noted: journal.memory, forgotten: power.forgotten },
  });
}
