/**
 * How long it takes until somebody knows that the mains are out: `npm run bench:power -- --rounds 20`. Needs Linux, root and
 * apt. Side by side, on one upsd with one simulated UPS: the watch of Caretaker, and upsmon in two settings.
 */
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureNut } from '../../real/machine/apt-packages.ts';
import { NODES_PASSWORD, startNut, startUpsmon } from '../../real/machine/nut.ts';
import { whyNoRealHosts } from '../../real/machine/tools.ts';
import { renderTable, type Row } from './table.ts';
import { startWatch } from './watch.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });
const rounds = Number(values.rounds);

const reason = await whyNoRealHosts();
if (reason !== null) throw new Error(reason);
const root = await ensureNut();
const nut = await startNut(root);
const monitor = { port: nut.port, user: 'nodes', password: NODES_PASSWORD, role: 'secondary' } as const;
const byDefault = await startUpsmon(root, { ...monitor, pollFreq: 5 });
const everySecond = await startUpsmon(root, monitor);
const watch = startWatch(nut.client());

/** Who is told what, and how often so far. */
const contenders = [
  { name: 'Caretaker, a look a second', told: (event: Event) => Promise.resolve(watch.times(event)) },
  { name: 'upsmon, POLLFREQ 1', told: (event: Event) => countOf(everySecond, event) },
  { name: 'upsmon as it comes', told: (event: Event) => countOf(byDefault, event) },
];
type Event = 'ONBATT' | 'ONLINE';

const rows = new Map<string, number[]>();
const note = (name: string, ms: number) => void rows.set(name, [...(rows.get(name) ?? []), ms]);
try {
  await delay(6_000);
  for (let round = 1; round <= rounds; round += 1) {
    await change('ONBATT', 'OB DISCHRG');
    await change('ONLINE', 'OL CHRG');
    process.stderr.write(`Round ${round} of ${rounds}.\n`);
  }
  for (let round = 1; round <= rounds; round += 1) {
    watch.forget();
    await someTime();
    const begun = await say('OB DISCHRG LB');
    while (watch.finalAt() === null) await delay(5);
    note('OB LB: Caretaker asks for the final phase', (watch.finalAt() ?? NaN) - begun);
    await say('OL');
    await delay(3_000);
  }
} finally {
  await Promise.all([watch.close(), byDefault.close(), everySecond.close()]);
  await nut.close();
}
process.stdout.write(`\n${renderTable([...rows].map(([name, times]): Row => ({ name, times })))}`);

/** Puts the UPS into a state, and waits until all have told of it. */
async function change(event: Event, status: string): Promise<void> {
  const before = await Promise.all(contenders.map(({ told }) => told(event)));
  await someTime();
  const begun = await say(status);
  await Promise.all(
    contenders.map(async ({ name, told }, index) => {
      while ((await told(event)) <= (before[index] ?? 0)) await delay(5);
      note(`${event}: ${name}`, performance.now() - begun);
    }),
  );
}

/** So that no contender's rhythm is that of the changes. */
function someTime(): Promise<void> {
  return delay(1_500 + Math.random() * 5_000);
}

async function say(status: string): Promise<number> {
  await nut.say({ 'ups.status': status, 'battery.charge': '80', 'battery.runtime': '1500', 'ups.load': '20' });
  return performance.now();
}

async function countOf(upsmon: { notices(): Promise<readonly string[]> }, event: Event): Promise<number> {
  return (await upsmon.notices()).filter((notice) => notice === event).length;
}
