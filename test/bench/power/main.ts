/**
 * How long it takes until somebody knows that the mains are out, and until the first guest is told to shut down on a low
 * battery: `npm run bench:power -- --rounds 20`. Needs Linux, root and apt.
 *
 * Side by side, on one upsd with one simulated UPS: Caretaker with its workers and Temporal, and upsmon in two settings.
 * Ends with status 1 when one of the bars is missed.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { createTeardown } from '../../../scripts/lib/teardown.ts';
import { ensureNut } from '../../real/machine/apt-packages.ts';
import { NODES_PASSWORD, startNut, startUpsmon } from '../../real/machine/nut.ts';
import { whyNoRealHosts } from '../../real/machine/tools.ts';
import { createMakings } from './caretaker.ts';
import { quantile, renderTable, type Row } from './table.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });
const rounds = Number(values.rounds);

/** Seconds that the issue of power allows. */
const BARS = { noticed: 2.5, shutdown: 4 } as const;

const EVENTS = {
  ONBATT: { status: 'OB DISCHRG', mains: 'out', words: 'on battery' },
  ONLINE: { status: 'OL CHRG', mains: 'on', words: 'on mains' },
} as const;
type Event = keyof typeof EVENTS;

/** An outage would be watched by the run that answers it, in the same way; here the guard hears everything. */
const ONLY_BLIPS = { confirm: '1 hour', shed: { after: '2 hours' }, final: { after: '3 hours' } } as const;

const reason = await whyNoRealHosts();
if (reason !== null) throw new Error(reason);
const teardown = createTeardown();
try {
  const root = await ensureNut();
  const makings = await createMakings();
  teardown.add('stop Temporal', () => makings.close());
  const nut = await startNut(root);
  teardown.add('stop NUT', () => nut.close());
  const noticed = await measureNotice(root);
  const shutdown = await measureShutdown();
  report(noticed, shutdown);

  /** Milliseconds until each has told of a change, by event and by who tells. */
  async function measureNotice(nutRoot: string): Promise<Record<Event, readonly [Row, Row, Row]>> {
    const monitor = { port: nut.port, user: 'nodes', password: NODES_PASSWORD, role: 'secondary' } as const;
    const told = { ONBATT: [[], [], []], ONLINE: [[], [], []] } as Record<Event, [number[], number[], number[]]>;
    const running: { close(): Promise<void> }[] = [];
    const kept = <T extends { close(): Promise<void> }>(started: T): T => {
      running.push(started);
      return started;
    };
    try {
      const upsmons = [
        kept(await startUpsmon(nutRoot, monitor)),
        kept(await startUpsmon(nutRoot, { ...monitor, pollFreq: 5 })),
      ] as const;
      const caretaker = kept(await makings.start(nut.port, ONLY_BLIPS));
      for (let round = 1; round <= rounds; round += 1) {
        for (const event of ['ONBATT', 'ONLINE'] as const) {
          const { status, mains } = EVENTS[event];
          const before = await Promise.all(upsmons.map((upsmon) => countOf(upsmon, event)));
          await someTime();
          const begun = await say(status);
          const ofUpsmon = upsmons.map(async (upsmon, index) => {
            while ((await countOf(upsmon, event)) <= (before[index] ?? 0)) await delay(10);
            return Date.now() - begun;
          });
          // The guard's history tells the time, so that nobody has to look at it meanwhile.
          const times = await Promise.all(ofUpsmon);
          const heard = async () => (await caretaker.news()).find((news) => news.at >= begun && news.mains === mains);
          let news = await heard();
          while (news === undefined) {
            await delay(200);
            news = await heard();
          }
          [news.at - begun, ...times].forEach((ms, index) => told[event][index]?.push(ms));
        }
        process.stderr.write(`Round ${round} of ${rounds}: mains.\n`);
      }
    } finally {
      for (const each of running.reverse()) await each.close();
    }
    const rowsOf = (event: Event): [Row, Row, Row] => {
      const [own, second, usual] = told[event];
      const { words } = EVENTS[event];
      return [
        { name: `${words}: Caretaker`, times: own },
        { name: `${words}: upsmon, POLLFREQ 1`, times: second },
        { name: `${words}: upsmon as it comes`, times: usual },
      ];
    };
    return { ONBATT: rowsOf('ONBATT'), ONLINE: rowsOf('ONLINE') };
  }

  /** Milliseconds from mains to `OB LB` and from there to the first call that shuts a guest down. */
  async function measureShutdown(): Promise<Row> {
    const times: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      await say('OL');
      await nut.ready('OL');
      const caretaker = await makings.start(nut.port);
      try {
        await someTime();
        const begun = await say('OB DISCHRG LB');
        times.push((await caretaker.firstShutdown) - begun);
      } finally {
        await caretaker.close();
      }
      process.stderr.write(`Round ${round} of ${rounds}: low battery.\n`);
    }
    return { name: 'low battery: first guest told to shut down', times };
  }

  /** After it, driver and watchers look at other moments of a second than before: no rhythm favors anybody. */
  async function someTime(): Promise<void> {
    await delay(500 + Math.random() * 2_000);
    nut.driver.freeze();
    await delay(1_100);
    nut.driver.thaw();
    await delay(500 + Math.random() * 1_000);
  }

  async function say(status: string): Promise<number> {
    await nut.say({ 'ups.status': status, 'battery.charge': '80', 'battery.runtime': '1500', 'ups.load': '20' });
    return Date.now();
  }
} finally {
  await teardown.run();
}

async function countOf(upsmon: { notices(): Promise<readonly string[]> }, event: Event): Promise<number> {
  return (await upsmon.notices()).filter((notice) => notice === event).length;
}

function report(noticed: Record<Event, readonly [Row, Row, Row]>, shutdown: Row): void {
  const events = Object.values(noticed);
  const rows = events.flatMap(([own, second, usual]) => [own, second, usual].map((row) => ({ ...row, by: second })));
  const bars = [
    ...events.flatMap(([own, second]) => [
      bar(`${own.name}: p95`, quantile(own, 0.95), BARS.noticed * 1_000),
      bar(`${own.name}: median, by that of upsmon with POLLFREQ 1`, quantile(own, 0.5), quantile(second, 0.5)),
    ]),
    bar(`${shutdown.name}: the longest`, quantile(shutdown, 1), BARS.shutdown * 1_000),
  ];
  process.stdout.write(`\n${cpus().length} processors, ${rounds} rounds:\n\n${renderTable([...rows, shutdown])}\n`);
  process.stdout.write(bars.map(({ words }) => `${words}\n`).join(''));
  if (bars.some(({ held }) => !held)) process.exitCode = 1;
}

function bar(what: string, ms: number, most: number): { readonly held: boolean; readonly words: string } {
  const held = ms <= most;
  const seconds = (time: number): string => (time / 1_000).toFixed(2);
  return { held, words: `${held ? '✔' : '✘'} ${what}: ${seconds(ms)} s of at most ${seconds(most)} s` };
}
