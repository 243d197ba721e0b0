import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { elapsedBetween, readClock } from '../../activities/power/clock.ts';
import { createWatchActivities, type WatchPowerInput, type WatchPowerResult } from '../../activities/power/watch.ts';
import { NutError } from '../../clients/nut/index.ts';
import type { PowerReading, WatchState } from '../../domain/power.ts';
import { afterOutage, NEW_WATCH } from '../../planning/power-watch.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { DEFAULT_RULES } from '../helpers/power-builders.ts';
import { MachineClock, pass, stopTime } from '../helpers/virtual-time.ts';
import { readingOf, WatchedUps } from '../helpers/watched-ups.ts';

const HOUR = 3_600_000;

const stale = new NutError('10.0.0.5:3493', 'ERR DATA-STALE to LIST VAR.', {
  type: 'NutDataStale',
  class: 'comms',
  outcome: 'retryable',
});
const unknownUps = new NutError('10.0.0.5:3493', 'ERR UNKNOWN-UPS to LIST VAR.', {
  type: 'NutUnknownUps',
  class: 'config',
  outcome: 'refused',
});

interface Attempt {
  result: WatchPowerResult | undefined;
  readonly ended: Promise<WatchPowerResult>;
  readonly heartbeats: WatchState[];
  readonly looks: () => number;
  readonly isOver: () => boolean;
  readonly cancel: () => void;
}

let clock: MachineClock;
/** What the UPS does when it is asked. */
let ups: (signal?: AbortSignal) => Promise<PowerReading>;

const says = (status: string) => void (ups = () => Promise.resolve(readingOf(status)));
const fails = (error: Error) => void (ups = () => Promise.reject(error));

beforeEach(() => {
  stopTime();
  clock = new MachineClock();
  says('OL');
});
afterEach(() => vi.useRealTimers());

/** One attempt of the activity, begun and not waited for. */
function attempt(input: Partial<WatchPowerInput> = {}, left?: unknown): Attempt {
  let looks = 0;
  let over = false;
  const heartbeats: WatchState[] = [];
  const activities = createWatchActivities({
    power: {
      ups: {
        label: 'ups at 10.0.0.5:3493',
        read: (signal) => ((looks += 1), ups(signal)),
        readStatus: async (signal) => (await ups(signal)).status,
      },
    },
    clock: clock.now,
  });
  const environment = activityEnvironment({ heartbeatDetails: left });
  environment.onHeartbeat((details) => heartbeats.push(details as WatchState));
  const state = { watch: NEW_WATCH, seenAt: null };
  const ended = environment.run((given: WatchPowerInput) => activities.watchPower(given), {
    state,
    rules: DEFAULT_RULES,
    seen: null,
    ...input,
  });
  const run: Attempt = {
    result: undefined,
    ended,
    heartbeats,
    looks: () => looks,
    isOver: () => over,
    cancel: () => environment.cancel(),
  };
  void ended
    .then((result) => (run.result = result))
    .catch(() => undefined)
    .finally(() => (over = true));
  return run;
}

/** The next attempt or watch, of somebody who knows what this one has found. */
const goOn = ({ state, verdict }: WatchPowerResult): Partial<WatchPowerInput> => ({ state, seen: verdict });

async function untilNews(run: Attempt, within: number): Promise<WatchPowerResult> {
  await pass(within, { until: run.isOver });
  expect(run.isOver()).toBe(true);
  return run.ended;
}

/** The UPS is on battery, and has been for so many seconds. */
async function onBatteryFor(seconds: number): Promise<WatchPowerResult> {
  says('OL');
  const before = await untilNews(attempt(), 1_000);
  says('OB DISCHRG');
  const out = await untilNews(attempt(goOn(before)), 5_000);
  const watching = attempt(goOn(out));
  await pass(seconds * 1_000, { until: watching.isOver });
  if (!watching.isOver()) watching.cancel();
  await pass(1_000, { until: watching.isOver });
  return watching.ended;
}

describe('the watch of the UPS', () => {
  it('tells what it finds to somebody who knows nothing yet, at the first look', async () => {
    const run = attempt();
    expect(await untilNews(run, 0)).toMatchObject({ verdict: { mains: 'on', byTime: 'normal', byNeed: 'normal' } });
    expect(run.looks()).toBe(1);
  });

  it('comes back with each piece of news, and with nothing else', async () => {
    let known = await untilNews(attempt(), 0);
    const mains = attempt(goOn(known));
    await pass(60_000);
    expect([mains.isOver(), mains.looks()]).toEqual([false, 60]);
    says('OB DISCHRG');
    const news: string[] = [];
    let run = mains;
    for (let piece = 0; piece < 5; piece += 1) {
      known = await untilNews(run, 20 * 60_000);
      news.push(`${known.verdict.mains} ${known.verdict.byTime}`);
      if (piece === 3) says('OL');
      run = attempt(goOn(known));
    }
    run.cancel();
    expect(news).toEqual(['out normal', 'out hold', 'out shed', 'out final', 'back final']);
  });

  it('looks once a second, however long a look takes', async () => {
    const known = await untilNews(attempt(), 0);
    ups = () => new Promise((resolve) => setTimeout(() => resolve(readingOf('OL')), 500));
    const run = attempt(goOn(known));
    await pass(10_000);
    expect(run.looks()).toBe(10);
    run.cancel();
  });

  it('takes no second look in the moment in which the one before it came back with news', async () => {
    const known = await untilNews(attempt(), 0);
    says('OB LB');
    const out = await untilNews(attempt(goOn(known)), 2_000);
    const run = attempt(goOn(out));
    await pass(750);
    expect([out.verdict.byNeed, run.looks()]).toEqual(['normal', 0]);
    expect((await untilNews(run, 250)).verdict.byNeed).toBe('final');
    expect(run.looks()).toBe(1);
  });

  it('looks at once when the status, asked halfway, means something else', async () => {
    const known = await untilNews(attempt(), 0);
    const run = attempt(goOn(known));
    await pass(1_250);
    says('OB DISCHRG');
    expect((await untilNews(run, 250)).verdict.mains).toBe('out');
    expect(run.looks()).toBe(2);
  });

  it('makes no row of looks shorter by that: other words for the same wait for their turn', async () => {
    const known = await onBatteryFor(20);
    const run = attempt(goOn(known));
    let words = 0;
    ups = async () => readingOf(words++ % 2 === 0 ? 'OB' : 'OB DISCHRG CHRG');
    await pass(10_000);
    expect(run.looks()).toBe(10);
    expect(words).toBe(20);
    run.cancel();
  });

  it('asks nothing halfway of a server that takes its time, nor waits for one that does not answer then', async () => {
    const known = await untilNews(attempt(), 0);
    const slow = attempt(goOn(known));
    let asked = 0;
    ups = () => ((asked += 1), new Promise((resolve) => setTimeout(() => resolve(readingOf('OL')), 500)));
    await pass(10_250);
    expect([slow.looks(), asked]).toEqual([10, 11]);
    slow.cancel();
    await slow.ended;
    ups = () => ((asked += 1), asked % 2 === 1 ? Promise.resolve(readingOf('OL')) : new Promise(() => undefined));
    asked = 0;
    const hanging = attempt(goOn(known));
    await pass(10_000);
    expect([hanging.looks(), asked]).toEqual([11, 21]);
    hanging.cancel();
  });

  it('has in its heartbeats all that it knows', async () => {
    const known = await onBatteryFor(5);
    const run = attempt(goOn(known));
    await pass(3_000);
    run.cancel();
    const { state } = await run.ended;
    expect(run.heartbeats.at(-1)).toEqual(state);
    expect(run.heartbeats.at(-1)?.watch.onBattery).toBeGreaterThan(7_000);
  });

  it('comes back with what it has when it is cancelled, between two looks and in one', async () => {
    const known = await onBatteryFor(5);
    const between = attempt(goOn(known));
    await pass(2_500);
    between.cancel();
    expect((await untilNews(between, 0)).state.watch.onBattery).toBeGreaterThan(known.state.watch.onBattery);
    ups = () => new Promise(() => undefined);
    const within = attempt(goOn(known));
    await pass(500);
    within.cancel();
    expect((await untilNews(within, 0)).state).toEqual(known.state);
  });

  it('ends the question when it is cancelled', async () => {
    const known = await onBatteryFor(5);
    let asked: AbortSignal | undefined;
    ups = (signal) => ((asked = signal), new Promise(() => undefined));
    const run = attempt(goOn(known));
    await pass(1_500);
    expect(asked?.aborted).toBe(false);
    run.cancel();
    expect(asked?.aborted).toBe(true);
    await run.ended;
  });
});

describe('a UPS that gives no answer', () => {
  it('is silent to the watch, which goes on', async () => {
    const known = await untilNews(attempt(), 0);
    fails(stale);
    const run = attempt(goOn(known));
    await pass(59_000);
    expect(run.isOver()).toBe(false);
    const { verdict } = await untilNews(run, 3_000);
    expect(verdict.notices).toEqual([
      { code: 'ups-silent', text: 'NUT server 10.0.0.5:3493: ERR DATA-STALE to LIST VAR.' },
    ]);
    expect(verdict).toMatchObject({ byTime: 'normal', byNeed: 'normal', mains: 'on' });
  });

  it('because of our mistake is told at once', async () => {
    const known = await untilNews(attempt(), 0);
    fails(unknownUps);
    const { verdict } = await untilNews(attempt(goOn(known)), 1_000);
    expect(verdict.notices).toMatchObject([{ code: 'ups-config' }]);
  });

  it('whatever was thrown, does not end the watch', async () => {
    const known = await untilNews(attempt(), 0);
    fails(new TypeError('undefined is not a function'));
    const { verdict } = await untilNews(attempt(goOn(known)), 62_000);
    expect(verdict.notices).toEqual([
      { code: 'ups-silent', text: 'ups at 10.0.0.5:3493: undefined is not a function' },
    ]);
  });

  it('and hangs, is asked again after five seconds, and counts as silent for all of them', async () => {
    const known = await onBatteryFor(20);
    ups = () => new Promise(() => undefined);
    const run = attempt(goOn(known));
    await pass(30_000);
    expect(run.looks()).toBeGreaterThanOrEqual(6);
    const { verdict } = await untilNews(run, 40_000);
    expect(verdict).toMatchObject({ byNeed: 'final', blind: true });
  });
});

describe('a worker that dies', () => {
  it('leaves what it knew to the next, and the time that nobody looked counts', async () => {
    const known = await onBatteryFor(20);
    const first = attempt(goOn(known));
    await pass(2_000);
    const left = first.heartbeats.at(-1);
    first.cancel();
    await pass(120_000);
    const second = attempt(goOn(known), left);
    await pass(1_000);
    second.cancel();
    const { state } = await second.ended;
    const before = known.state.watch.onBattery;
    expect(state.watch.onBattery - before).toBeGreaterThanOrEqual(122_000);
    expect(state.watch.onBattery - before).toBeLessThanOrEqual(125_000);
  });

  it('with its machine leaves the next one without any ground for an act until the UPS has answered', async () => {
    const known = await onBatteryFor(20);
    fails(stale);
    const first = attempt(goOn(known));
    await pass(50_000);
    const left = first.heartbeats.at(-1);
    first.cancel();
    await first.ended;
    clock.reboot();
    await pass(40_000);
    const waiting = await untilNews(attempt(goOn(known), left), 0);
    expect(waiting.verdict).toMatchObject({ byNeed: 'normal', byTime: 'hold', blind: false, mains: 'back' });
    const told = await untilNews(attempt(goOn(waiting)), 62_000);
    expect(told.verdict).toMatchObject({ blind: false, notices: [{ code: 'ups-silent' }] });
    const later = attempt(goOn(told));
    await pass(HOUR, { step: 1_000 });
    expect(later.isOver()).toBe(false);
    says('OB');
    expect((await untilNews(later, 2_000)).verdict).toMatchObject({ byTime: 'final', blind: false, mains: 'out' });
  });

  it('before its first heartbeat leaves what the run has handed to it', async () => {
    const known = await onBatteryFor(20);
    await pass(60_000);
    const run = attempt(goOn(known), undefined);
    await pass(0);
    run.cancel();
    expect((await run.ended).state.watch.onBattery - known.state.watch.onBattery).toBeGreaterThanOrEqual(60_000);
  });
});

describe('a wall clock that jumps', () => {
  it.each([
    ['a day forward', 24 * HOUR],
    ['a year back', -365 * 24 * HOUR],
    ['an hour for daylight saving', HOUR],
  ])('%s changes nothing within one boot', async (_name, jump) => {
    const known = await onBatteryFor(20);
    clock.wrong += jump;
    const run = attempt(goOn(known));
    await pass(10_000);
    expect(run.isOver()).toBe(false);
    clock.wrong -= 3 * jump;
    await pass(10_000);
    expect(run.isOver()).toBe(false);
    run.cancel();
    const { state, verdict } = await run.ended;
    expect(state.watch.onBattery - known.state.watch.onBattery).toBeLessThanOrEqual(22_000);
    expect(state.watch.onBattery - known.state.watch.onBattery).toBeGreaterThanOrEqual(19_000);
    expect(verdict).toMatchObject({ byTime: 'hold', byNeed: 'normal' });
  });

  it('does not bring the watch back early where the clock of Temporal is another', async () => {
    const known = await untilNews(attempt(), 0);
    const run = attempt(goOn(known));
    vi.setSystemTime(Date.now() + 48 * HOUR);
    await pass(20_000);
    expect(run.isOver()).toBe(false);
    run.cancel();
  });

  it.each([
    ['forward', 24 * HOUR, 1_800_000],
    ['back', -365 * 24 * HOUR, 0],
    ['not at all', 0, 90_000],
  ])('%s with a reboot counts for half an hour at most, and never less than nothing', async (_name, jump, gap) => {
    const known = await onBatteryFor(20);
    await pass(90_000);
    clock.reboot();
    clock.wrong += jump;
    const run = attempt(goOn(known));
    await pass(0);
    run.cancel();
    const counted = (await run.ended).state.watch.onBattery - known.state.watch.onBattery;
    expect(counted).toBeGreaterThanOrEqual(gap);
    expect(counted).toBeLessThanOrEqual(gap + 2_000);
  });

  it('is the wall clock: the one that is gone by never goes back', () => {
    const [one, other] = [readClock(), readClock()];
    expect(one.boot).toBe(other.boot);
    expect(elapsedBetween(one, other)).toBeGreaterThanOrEqual(0);
    expect(elapsedBetween(null, one)).toBe(0);
    // A monotonic clock that is behind its own past is that of another boot with the same name.
    expect(elapsedBetween({ ...one, monotonic: one.monotonic + 5 }, { ...one, wall: one.wall + 7 })).toBe(7);
  });
});

it('a watch that was handed on by an outage goes on with its time on battery', async () => {
  const { watch } = WatchedUps.onMains().says('OB', { times: 100 }).says('OL', { times: 61 });
  const state = { watch: afterOutage(watch), seenAt: clock.now() };
  const first = await untilNews(attempt({ state }), 1_000);
  expect(first.state.watch).toMatchObject({ onBattery: 100_000, outage: false });
});

it('a day on mains, at a look every two seconds, leaves nothing in memory and ends without news, so that the run can begin anew', async () => {
  const rules = { ...DEFAULT_RULES, interval: 2 };
  const known = await untilNews(attempt({ rules }), 0);
  const settled = await untilNews(attempt({ ...goOn(known), rules }), 3 * 60_000);
  const run = attempt({ ...goOn(settled), rules });
  const sizes: number[] = [];
  const looksBefore = run.looks();
  for (let hour = 0; hour < 23; hour += 1) {
    await pass(HOUR, { step: 1_000 });
    run.heartbeats.splice(0);
    sizes.push(heapInUse());
  }
  expect(run.isOver()).toBe(false);
  expect(run.looks() - looksBefore).toBeGreaterThanOrEqual(23 * 1_800);
  await pass(2 * HOUR, { step: 1_000, until: run.isOver });
  const { state, verdict } = await run.ended;
  expect(verdict).toEqual(settled.verdict);
  expect(JSON.stringify(state).length).toBeLessThan(1_500);
  // The second half of the day needs no more than the first.
  const growth = (sizes.at(-1) ?? Infinity) - (sizes[11] ?? 0);
  expect(growth).toBeLessThan(500_000);
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapInUse(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
