import {
  hasWord,
  POWER_PHASES,
  type DischargePoint,
  type Measurement,
  type PowerPhase,
  type PowerReading,
  type PowerRules,
  type PowerSample,
  type PowerVerdict,
  type PowerWatch,
} from '../domain/power.ts';
import { classOf, isOnBattery, isOnMains, runtimeOf } from './power-class.ts';
import { followConditions, noticesOf } from './power-notices.ts';

/** Looks in a row that make something certain. */
const SURE = { onBattery: 3, low: 2, fsd: 2, need: 3 } as const;

/** The longest that a look and the pause after it take (milliseconds). In what is longer than that nobody looked. */
const ONE_LOOK = 10_000;

/**
 * Silences of less (milliseconds) never begin a phase, whatever the last runtime was. After one that is longer, or after so
 * long that nobody looked, nothing is known of what came in it.
 */
const PATIENCE = 15_000;

/** Between two points of the discharge, in seconds, and the most that are kept. */
const DISCHARGE_STEP = 30;
const DISCHARGE_POINTS = 120;

export const NEW_WATCH: PowerWatch = {
  reading: null,
  class: 'unknown',
  streak: { onBattery: 0, low: 0, fsd: 0, shedNeed: 0, finalNeed: 0 },
  onBattery: 0,
  sinceTransfer: 0,
  sinceSteady: 0,
  onMains: 0,
  silent: 0,
  lastSeenOnBattery: false,
  lastRuntime: null,
  seenWithoutFsd: false,
  coldStart: false,
  outage: false,
  byTime: 'normal',
  byNeed: 'normal',
  because: null,
  blind: false,
  ordered: false,
  conditions: [],
  discharge: [],
};

/**
 * What the watch knows after one more look.
 *
 * Time on battery is the sum of the time between looks, from the first that said `OB`; time without an answer counts when
 * the last answer said so. It is forgotten only after the mains have been there for `rules.memory` without a break.
 *
 * After a cold start of the machine that watches nothing is asked for until the UPS has told of the mains once: that it
 * was on battery before says nothing of now, for the power came back, and a UPS that is silent may still be starting.
 */
export function observe(watch: PowerWatch, sample: PowerSample, rules: PowerRules): PowerWatch {
  const timed = passTime(watch, sample, rules);
  return decide(timed, sample, rules);
}

/** The watch when an outage has been answered to its end. Its time on battery is remembered for a while. */
export function afterOutage(watch: PowerWatch): PowerWatch {
  return {
    ...watch,
    streak: NEW_WATCH.streak,
    seenWithoutFsd: watch.reading !== null && !hasWord(watch.reading.status, 'FSD'),
    outage: false,
    byTime: 'normal',
    byNeed: 'normal',
    because: null,
    blind: false,
    ordered: false,
    discharge: [],
  };
}

export function verdictOf(watch: PowerWatch, rules: PowerRules): PowerVerdict {
  const mains = mainsOf(watch, rules);
  const notYet = whyNotWake(watch, rules);
  const byNeed = askedFor(watch, watch.byNeed);
  return {
    byTime: askedFor(watch, watch.byTime),
    byNeed,
    because: watch.because,
    blind: watch.blind,
    pressing: byNeed === 'final' && (watch.blind || watch.ordered),
    mains,
    mayWake: notYet === null,
    notYet,
    notices: noticesOf(watch.conditions),
  };
}

/** What was asked for before a cold start waits for the next word of the UPS; an outage stays one until then. */
function askedFor({ coldStart }: PowerWatch, phase: PowerPhase): PowerPhase {
  return coldStart && isAtLeast(phase, 'hold') ? 'hold' : phase;
}

/** Whether nobody has to hear of the second after the first. */
export function isSameVerdict(one: PowerVerdict | null, other: PowerVerdict): boolean {
  if (one === null) return false;
  const codes = (verdict: PowerVerdict): string => verdict.notices.map(({ code }) => code).join();
  return (
    one.byTime === other.byTime &&
    one.byNeed === other.byNeed &&
    one.blind === other.blind &&
    one.pressing === other.pressing &&
    one.mains === other.mains &&
    one.mayWake === other.mayWake &&
    codes(one) === codes(other)
  );
}

export function laterPhase(one: PowerPhase, other: PowerPhase): PowerPhase {
  return POWER_PHASES.indexOf(one) >= POWER_PHASES.indexOf(other) ? one : other;
}

export function isAtLeast(phase: PowerPhase, other: PowerPhase): boolean {
  return POWER_PHASES.indexOf(phase) >= POWER_PHASES.indexOf(other);
}

function passTime(watch: PowerWatch, sample: PowerSample, rules: PowerRules): PowerWatch {
  const { sinceLast, reading, trouble, coldStart = false } = sample;
  const next = classOf(reading, rules);
  const answered = next !== 'unknown';
  const wentOut = reading !== null && isOnBattery(reading, rules);
  const isThere = reading !== null && isOnMains(reading, rules);
  const onBattery = wentOut || (!isThere && watch.lastSeenOnBattery);
  // Whether there is an answer now says nothing of the time since the last one.
  const spent = watch.lastSeenOnBattery ? sinceLast : 0;
  // A mistake of ours is no silence of the UPS. On battery it comes to the same: nobody corrects it in a power cut.
  const isOurs = trouble?.kind === 'config' && !watch.lastSeenOnBattery;
  const asked = isOurs ? 0 : Math.min(sinceLast, ONE_LOOK);
  const silentBefore = coldStart ? 0 : watch.silent;
  const unseen = coldStart || trouble?.kind === 'config' || watch.silent + sinceLast >= PATIENCE;
  const onMains = wentOut || unseen ? 0 : isThere ? stayedOnMains(watch, sinceLast) : watch.onMains;
  return {
    ...watch,
    reading: answered ? reading : watch.reading,
    class: next,
    streak: coldStart ? NEW_WATCH.streak : watch.streak,
    onBattery: onMains >= rules.memory * 1_000 && !watch.outage ? 0 : watch.onBattery + spent,
    sinceTransfer: onBattery && !(wentOut && !watch.lastSeenOnBattery) ? watch.sinceTransfer + spent : 0,
    sinceSteady: isThere && onMains >= rules.holdDown * 1_000 ? 0 : watch.sinceSteady + spent,
    onMains,
    silent: answered || isOurs ? 0 : silentBefore + asked,
    lastSeenOnBattery: onBattery,
    lastRuntime: answered ? (wentOut ? runtimeOf(reading) : null) : withoutTime(watch.lastRuntime, sinceLast - asked),
    seenWithoutFsd: (watch.seenWithoutFsd && !unseen) || (answered && next !== 'fsd'),
    coldStart: (watch.coldStart || coldStart) && !wentOut && !isThere,
  };
}

function stayedOnMains(watch: PowerWatch, sinceLast: number): number {
  if (watch.lastSeenOnBattery || watch.reading === null) return 0;
  return watch.onMains + Math.min(sinceLast, ONE_LOOK);
}

function withoutTime(runtime: number | null, milliseconds: number): number | null {
  return runtime === null ? null : runtime - milliseconds / 1_000;
}

function decide(watch: PowerWatch, sample: PowerSample, rules: PowerRules): PowerWatch {
  const streak = countStreaks(watch, rules);
  const confirmed =
    streak.onBattery >= SURE.onBattery && watch.class !== 'unknown' && watch.sinceSteady >= rules.confirm * 1_000;
  const need = watch.coldStart ? null : needOf({ ...watch, streak }, rules);
  const outage = watch.outage || (confirmed && !watch.coldStart) || need !== null;
  // While the mains are there, time on battery asks for nothing more; it counts again as soon as they are gone.
  const time = outage && watch.lastSeenOnBattery && !watch.coldStart ? timeOf(watch, rules) : null;
  const byTime = laterPhase(watch.byTime, time?.phase ?? 'normal');
  const byNeed = laterPhase(watch.byNeed, need?.phase ?? 'normal');
  const higher = laterPhase(byTime, byNeed);
  const news = [need, time].find((each) => each?.phase === higher);
  const was = laterPhase(watch.byTime, watch.byNeed);
  return {
    ...watch,
    streak,
    outage,
    byTime,
    byNeed,
    because: higher === was ? watch.because : (news?.because ?? watch.because),
    // An answer ends blindness: whatever is decided after it goes by what was seen.
    blind: need?.blind === true || (watch.blind && watch.class === 'unknown' && !watch.coldStart),
    ordered: watch.ordered || need?.ordered === true,
    conditions: followConditions(watch.conditions, sample, { silent: watch.silent, rules }),
    discharge: outage ? withPoint(watch) : watch.discharge,
  };
}

function countStreaks(
  { class: now, streak, reading, lastSeenOnBattery }: PowerWatch,
  rules: PowerRules,
): PowerWatch['streak'] {
  // A lost answer neither counts nor breaks a row: what was seen is still the last that is known.
  if (now === 'unknown') return streak;
  const row = (counts: boolean, before: number): number => (counts ? Math.min(before + 1, 1_000) : 0);
  return {
    onBattery: row(lastSeenOnBattery, streak.onBattery),
    low: row(now === 'low', streak.low),
    fsd: row(now === 'fsd', streak.fsd),
    shedNeed: row(lastSeenOnBattery && isBelow(reading, rules.shed) !== null, streak.shedNeed),
    finalNeed: row(lastSeenOnBattery && isBelow(reading, rules.final) !== null, streak.finalNeed),
  };
}

interface Wanted {
  readonly phase: PowerPhase;
  readonly because: string;
  readonly blind?: true;
  /** By LB or FSD. */
  readonly ordered?: true;
}

/** What cannot wait for its time. */
function needOf(watch: PowerWatch, rules: PowerRules): Wanted | null {
  const { streak, reading, sinceTransfer } = watch;
  if (streak.fsd >= SURE.fsd && watch.class === 'fsd' && isOrder(watch, rules)) {
    const order = { phase: 'final', because: 'the NUT server orders a shutdown (FSD)', ordered: true } as const;
    // While its driver starts (`FSD WAIT`), the order is all that is said: nobody can wait for a word of the mains.
    const saysMore = reading !== null && (isOnBattery(reading, rules) || isOnMains(reading, rules));
    return saysMore ? order : { ...order, blind: true };
  }
  if (streak.low >= SURE.low && watch.class === 'low') {
    return { phase: 'final', because: 'the battery is low (LB)', ordered: true };
  }
  if (isBlind(watch, rules)) {
    return {
      phase: 'final',
      because: `the UPS has not answered for ${Math.round(watch.silent / 1_000)} s and was on battery before`,
      blind: true,
    };
  }
  if (watch.class === 'unknown' || sinceTransfer < rules.stabilization * 1_000) return null;
  if (streak.finalNeed >= SURE.need) return { phase: 'final', because: isBelow(reading, rules.final) ?? '' };
  if (streak.shedNeed >= SURE.need) return { phase: 'shed', because: isBelow(reading, rules.shed) ?? '' };
  return null;
}

/** On battery FSD is one in any case; on mains it may be a leftover that only a restart of upsd takes away. */
function isOrder({ reading, seenWithoutFsd, lastSeenOnBattery }: PowerWatch, rules: PowerRules): boolean {
  return reading !== null && (lastSeenOnBattery || (rules.fsdOnMains === 'act' && seenWithoutFsd));
}

function isBlind({ silent, lastSeenOnBattery, lastRuntime }: PowerWatch, { final }: PowerRules): boolean {
  if (!lastSeenOnBattery || silent === 0) return false;
  const spare = lastRuntime === null ? Infinity : (lastRuntime - final.budget) * 1_000;
  return silent >= Math.max(PATIENCE, Math.min(final.blind * 1_000, spare));
}

/** Which threshold the reading is at or below, in words. */
function isBelow(
  reading: PowerReading | null,
  { charge: leastCharge, runtime: leastRuntime }: { readonly charge: number; readonly runtime: number },
): string | null {
  const charge = valueOf(reading?.charge);
  const runtime = reading === null ? null : runtimeOf(reading);
  if (charge !== null && leastCharge > 0 && charge <= leastCharge)
    return `the charge is ${charge} % (${leastCharge} %)`;
  if (runtime === null || runtime > leastRuntime) return null;
  return `the battery lasts ${Math.round(runtime)} s (${Math.round(leastRuntime)} s)`;
}

function timeOf({ onBattery }: PowerWatch, { shed, final }: PowerRules): Wanted {
  const seconds = onBattery / 1_000;
  const because = `on battery for ${Math.round(seconds)} s`;
  return { phase: seconds >= final.after ? 'final' : seconds >= shed.after ? 'shed' : 'hold', because };
}

function mainsOf(watch: PowerWatch, rules: PowerRules) {
  const { outage, class: now, reading, lastSeenOnBattery, onMains, byNeed, coldStart } = watch;
  if (coldStart && (outage || lastSeenOnBattery)) return 'back' as const;
  if (lastSeenOnBattery) return 'out' as const;
  // An order to shut down while the mains are there keeps everything down until it is taken back.
  if (outage && now === 'fsd' && byNeed === 'final' && rules.fsdOnMains === 'act') return 'out' as const;
  if (!outage || reading === null) return 'on' as const;
  return onMains >= rules.holdDown * 1_000 ? ('on' as const) : ('back' as const);
}

function whyNotWake(watch: PowerWatch, { restore }: PowerRules): string | null {
  const { reading, class: now, onMains } = watch;
  if (reading === null || now === 'unknown') return 'the UPS does not answer';
  if (hasWord(reading.status, 'FSD')) return 'the NUT server still orders a shutdown (FSD): restart upsd on its host';
  if (now !== 'online') return 'the UPS is on battery';
  if (hasWord(reading.status, 'OFF')) return 'the output of the UPS is off';
  if (hasWord(reading.status, 'LB')) return 'the battery is low (LB)';
  const seconds = onMains / 1_000;
  if (seconds < restore.after) return `on mains for ${Math.round(seconds)} of ${restore.after} s`;
  const charge = valueOf(reading.charge);
  if (charge !== null) return charge >= restore.charge ? null : `the charge is ${charge} of ${restore.charge} %`;
  if (seconds >= restore.withoutCharge) return null;
  return `on mains for ${Math.round(seconds)} of ${restore.withoutCharge} s, for the UPS tells no charge`;
}

function withPoint({
  discharge,
  onBattery,
  reading,
  class: now,
  lastSeenOnBattery,
}: PowerWatch): readonly DischargePoint[] {
  const at = Math.round(onBattery / 1_000);
  const last = discharge.at(-1);
  if (now === 'unknown' || !lastSeenOnBattery || reading === null) return discharge;
  if (last !== undefined && at < last.at + DISCHARGE_STEP) return discharge;
  const point = {
    at,
    charge: valueOf(reading.charge),
    runtime: valueOf(reading.runtime),
    load: valueOf(reading.load),
  };
  return [...discharge, point].slice(-DISCHARGE_POINTS);
}

function valueOf(measurement: Measurement | undefined): number | null {
  return measurement !== undefined && 'value' in measurement ? measurement.value : null;
}
