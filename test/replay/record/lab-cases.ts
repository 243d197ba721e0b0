import { setTimeout as sleep } from 'node:timers/promises';
import {
  nutClientsId,
  powerOutageId,
  powerPlanId,
  rollingUpdateId,
  undoLaterId,
  weeklyUpdatesId,
} from '../../../domain/ids.ts';
import { Message } from '../../../domain/messages.ts';
import type { PolicyOverrides } from '../../../domain/policy.ts';
import type { RollProgress } from '../../../domain/report.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { WEEKDAYS } from '../../../domain/window.ts';
import type { LabEvent } from '../../../lab/index.ts';
import { smallSite, type Site } from '../../../lab/site.ts';
import type { LabPatching, LabPower } from '../../../scripts/lib/lab-config.ts';
import { createRollLab, type RollLab } from '../../../scripts/lib/roll-lab.ts';
import type { Case, Place } from './case.ts';

interface LabCase {
  readonly name: string;
  readonly site: Site;
  readonly patching?: LabPatching;
  readonly power?: LabPower;
  /** Starts what is recorded and waits for its end, instead of the run below. */
  readonly live?: (roll: RollLab, place: Place) => Promise<void>;
  /** What is started; a rolling update unless given. */
  readonly start?: { readonly type: string; readonly id: (cluster: string) => string };
  readonly input?: () => PolicyOverrides;
  /** Faults to set before, things to do meanwhile. */
  readonly meanwhile?: (roll: RollLab) => void;
  /** What happens before the histories are kept. */
  readonly afterwards?: (roll: RollLab) => Promise<void>;
  readonly keeps?: Case['keeps'];
}

const ROLL = { type: 'rollingUpdate', id: rollingUpdateId };

/** Well only before the upgrade. */
const OLD_CURL = {
  name: 'old curl',
  kind: 'command',
  command: `dpkg-query -W -f '\${Version}' curl | grep -qx 8.14.1-2`,
} as const;

const CASES: readonly LabCase[] = [
  { name: 'done', site: smallSite() },
  { name: 'done-with-ha', site: smallSite({ nodes: 3, ha: true }) },
  { name: 'planned', site: smallSite(), input: () => ({ dryRun: true }) },
  { name: 'refused', site: smallSite({ ha: true }) },
  { name: 'upgrade-failed', site: smallSite(), meanwhile: failUpgrades },
  { name: 'canceled', site: smallSite(), meanwhile: cancelWhileDraining },
  {
    name: 'node-died',
    site: smallSite({ ha: true, overrides: { replication: [] } }),
    input: () => ({ disarmHa: 'when-it-would-fence', localDisks: 'always', timeouts: { reboot: '5 seconds' } }),
    meanwhile: dieInTheReboot,
    afterwards: powerOnAndRetry,
  },
  {
    name: 'weekly',
    site: smallSite(),
    start: { type: 'weeklyUpdates', id: weeklyUpdatesId },
    patching: {
      weekly: ['lxc', 'docker-vms'],
      neverTogether: [['ct-1', 'ct-2']],
      snapshot: 'before',
      settle: '0 seconds',
      hosts: { 'ct-2': { probes: [OLD_CURL] } },
    },
    afterwards: removeSnapshots,
  },
  { name: 'power-cut', site: smallSite(), live: liveThroughOutage },
  { name: 'dark-site', site: smallSite(), live: liveThroughDarkness, keeps: isOfOutage },
  {
    name: 'no-nut',
    site: smallSite(),
    power: { clients: { user: 'nodes', password: { env: 'CARETAKER_PVE_TOKEN' } } },
    live: provisionAndRemove,
  },
  { name: 'window-ended', site: smallSite(), input: inWindowThatEnds, meanwhile: holdFirstNodePastTheWindow },
];

let windowEnds: Date | undefined;

/** Runs on the lab, each on one of its own. */
export const LAB_CASES: readonly Case[] = CASES.map((each) => ({
  name: each.name,
  ...(each.keeps ? { keeps: each.keeps } : {}),
  async live(place) {
    const roll = await createRollLab({
      site: each.site,
      ...(each.patching ? { patching: each.patching } : {}),
      ...(each.power ? { power: each.power } : {}),
      temporalAddress: place.address,
      namespace: place.namespace,
      workflowBundlePath: place.workflowBundlePath,
    });
    try {
      await runOn(roll, each, place);
    } finally {
      await roll.close();
    }
  },
}));

async function runOn(roll: RollLab, { start = ROLL, input, meanwhile, afterwards, live }: LabCase, place: Place) {
  await roll.startWorker();
  meanwhile?.(roll);
  if (live === undefined) {
    const handle = await roll.client.workflow.start(start.type, {
      workflowId: start.id(roll.lab.access.cluster),
      taskQueue: TaskQueue.maintenance,
      args: input ? [input()] : [],
    });
    await handle.result().catch(() => undefined);
  } else await live(roll, place);
  await afterwards?.(roll);
}

/** Both nodes go down, and come back when the mains do. The guard goes on watching. */
async function liveThroughOutage(roll: RollLab, _: Place, whenAllIsOff = () => Promise.resolve()): Promise<void> {
  const { lab, client } = roll;
  await roll.startWorker({ args: ['power'] });
  const { device } = lab.ups;
  const workflowId = powerPlanId(lab.access.ups.name, 'recorded');
  await client.workflow.execute('powerPlan', { workflowId, taskQueue: TaskQueue.power, args: [] });
  device.setMains(false);
  while (lab.access.nodes.some(({ name }) => lab.node(name).machine.power !== 'off')) await sleep(200);
  await whenAllIsOff();
  device.setCharge(80);
  device.setMains(true);
  await client.workflow.getHandle(powerOutageId(lab.access.ups.name)).result();
}

function isOfOutage(type: string): boolean {
  return ['powerGuard', 'powerOutage', 'powerRestore'].includes(type);
}

/** Workers and Temporal lose their power, too, and start cold. */
function liveThroughDarkness(roll: RollLab, place: Place): Promise<void> {
  return liveThroughOutage(roll, place, async () => {
    await roll.killWorkers();
    await place.restartTemporal();
    await roll.startWorker();
    await roll.startWorker({ args: ['power'] });
  });
}

/** The nodes of the lab have no packages of NUT. */
async function provisionAndRemove({ lab, client }: RollLab): Promise<void> {
  for (const type of ['provisionNutClients', 'removeNutClients']) {
    const workflowId = nutClientsId(lab.access.cluster);
    const handle = await client.workflow.start(type, { workflowId, taskQueue: TaskQueue.maintenance });
    await handle.result().catch(() => undefined);
  }
}

/** Snapshots are removed by runs of their own, which outlive the others by days. */
async function removeSnapshots({ client }: RollLab): Promise<void> {
  for await (const { workflowId } of client.workflow.list({
    query: `WorkflowType = "removeSnapshot" AND ExecutionStatus = "Running"`,
  })) {
    await client.workflow.getHandle(workflowId).signal(Message.removeNow);
  }
  const running = () => client.workflow.count(`ExecutionStatus = "Running"`);
  while ((await running()).count > 0) await sleep(500);
}

function failUpgrades(roll: RollLab): void {
  roll.lab.faults.add((point) =>
    point.at === 'command' &&
    point.phase === 'before' &&
    point.name === 'apt-get' &&
    point.argv.includes('dist-upgrade')
      ? { do: 'error', status: 100, reason: 'E: Sub-process /usr/bin/dpkg returned an error code (1)' }
      : undefined,
  );
}

function cancelWhileDraining(roll: RollLab): void {
  const unsubscribe = roll.lab.log.subscribe((event: LabEvent) => {
    if (event.action !== 'task.start' || event.detail['type'] !== 'vzmigrate') return;
    unsubscribe();
    void roll.client.workflow.getHandle(rollingUpdateId(roll.lab.access.cluster)).cancel();
  });
}

function dieInTheReboot({ lab }: RollLab): void {
  lab.faults.once((point) =>
    point.at === 'node' && point.machine === 'node/pve1' && point.step === 'up' ? { do: 'drop' } : undefined,
  );
}

async function powerOnAndRetry({ lab, client }: RollLab): Promise<void> {
  const { machine } = lab.node('pve1');
  machine.powerCut('by hand');
  machine.powerOn();
  while (!lab.node('pve1').joined) await sleep(200);
  const handle = client.workflow.getHandle(undoLaterId(lab.access.cluster, 'pve1'));
  await handle.signal(Message.retryNow);
  await handle.result();
}

/** The next full minute but one, the same for all who ask: long enough for the first node to be begun. */
function windowEnd(): Date {
  windowEnds ??= new Date((Math.floor(Date.now() / 60_000) + 2) * 60_000);
  return windowEnds;
}

function inWindowThatEnds(): PolicyOverrides {
  const time = (date: Date) => date.toISOString().slice(11, 16);
  const begin = new Date(windowEnd().getTime() - 60 * 60_000);
  const day = WEEKDAYS[begin.getUTCDay()] ?? 'sunday';
  return {
    windows: [{ days: [day], from: time(begin), to: time(windowEnd()) }],
    timeZone: 'UTC',
    windowFit: 'start-only',
  };
}

/** The first node is begun in the window and finished after it; the second one waits until somebody says `goNow`. */
function holdFirstNodePastTheWindow(roll: RollLab): void {
  const end = windowEnd();
  const handle = roll.client.workflow.getHandle(rollingUpdateId(roll.lab.access.cluster));
  const unsubscribe = roll.lab.log.subscribe((event: LabEvent) => {
    if (event.action !== 'task.start' || event.detail['type'] !== 'vzmigrate') return;
    unsubscribe();
    void (async () => {
      await handle.signal(Message.pause);
      await sleep(end.getTime() + 1_000 - Date.now());
      await handle.signal(Message.resume);
      while ((await handle.query<RollProgress>(Message.progress)).waitingUntil === null) await sleep(200);
      await handle.signal(Message.goNow);
    })();
  });
}
