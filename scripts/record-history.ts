// `npm run record-histories`: runs the cases below on the lab and keeps their histories for the replay tests. Names of cases
// as arguments record only those.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  nutClientsId,
  powerOutageId,
  powerPlanId,
  rollingUpdateId,
  undoLaterId,
  weeklyUpdatesId,
} from '../domain/ids.ts';
import { Message } from '../domain/messages.ts';
import type { PolicyOverrides } from '../domain/policy.ts';
import type { RollProgress } from '../domain/report.ts';
import { SearchAttribute } from '../domain/search-attributes.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import { WEEKDAYS } from '../domain/window.ts';
import type { LabEvent } from '../lab/index.ts';
import { smallSite, type Site } from '../lab/site.ts';
import { createTeardown } from './lib/teardown.ts';
import type { LabPatching, LabPower } from './lib/lab-config.ts';
import { createRollLab, type RollLab } from './lib/roll-lab.ts';
import { startDevServer } from './temporal/dev-server.ts';
import { locateTemporalCli } from './temporal/locate.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HISTORIES = fileURLToPath(new URL('../test/replay/histories/', import.meta.url));
const SDK_VERSION = '1.24.0';
const run = promisify(execFile);

interface Case {
  readonly name: string;
  readonly site: Site;
  readonly patching?: LabPatching;
  readonly power?: LabPower;
  /** Starts what is recorded and waits for its end, instead of the run below. */
  readonly live?: (roll: RollLab) => Promise<void>;
  /** What is started; a rolling update unless given. */
  readonly start?: { readonly type: string; readonly id: (cluster: string) => string };
  readonly input?: () => PolicyOverrides;
  /** Faults to set before, things to do meanwhile. */
  readonly meanwhile?: (roll: RollLab) => void;
  /** What happens before the histories are kept. */
  readonly afterwards?: (roll: RollLab) => Promise<void>;
}

const ROLL = { type: 'rollingUpdate', id: rollingUpdateId };

/** Well only before the upgrade. */
const OLD_CURL = {
  name: 'old curl',
  kind: 'command',
  command: `dpkg-query -W -f '\${Version}' curl | grep -qx 8.14.1-2`,
} as const;

const CASES: readonly Case[] = [
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
  {
    name: 'no-nut',
    site: smallSite(),
    power: { clients: { user: 'nodes', password: { env: 'CARETAKER_PVE_TOKEN' } } },
    live: provisionAndRemove,
  },
  { name: 'window-ended', site: smallSite(), input: inWindowThatEnds, meanwhile: holdFirstNodePastTheWindow },
];

const teardown = createTeardown();
let windowEnds: Date | undefined;
try {
  await recordAll();
} finally {
  await teardown.run();
}

async function recordAll(): Promise<void> {
  const { path: cliPath } = await locateTemporalCli();
  const server = await startDevServer({
    cliPath,
    headless: true,
    dynamicConfig: ['system.forceSearchAttributesCacheRefreshOnRead=true'],
  });
  teardown.add('stop Temporal', () => server.stop());
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  teardown.add('remove the bundle', () => rm(folder, { recursive: true }));
  const workflowBundlePath = join(folder, 'workflows.cjs');
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(workflowBundlePath, code);
  const wanted = process.argv.slice(2);
  for (const [index, each] of CASES.entries()) {
    if (wanted.length > 0 && !wanted.includes(each.name)) continue;
    const namespace = `record-${index}`;
    const roll = await createRollLab({
      site: each.site,
      ...(each.patching ? { patching: each.patching } : {}),
      ...(each.power ? { power: each.power } : {}),
      temporalAddress: server.address,
      namespace,
      workflowBundlePath,
    });
    teardown.add('close the lab', () => roll.close());
    await record(each, roll, cliPath, server.address);
    await roll.close();
  }
}

async function record(
  { name, start = ROLL, input, meanwhile, afterwards, live }: Case,
  roll: RollLab,
  cliPath: string,
  address: string,
): Promise<void> {
  await roll.startWorker();
  meanwhile?.(roll);
  if (live === undefined) {
    const handle = await roll.client.workflow.start(start.type, {
      workflowId: start.id(roll.lab.access.cluster),
      taskQueue: TaskQueue.maintenance,
      args: input ? [input()] : [],
    });
    await handle.result().catch(() => undefined);
  } else await live(roll);
  await afterwards?.(roll);
  for await (const { type, workflowId, runId, typedSearchAttributes } of roll.client.workflow.list()) {
    const folder = join(HISTORIES, type);
    await mkdir(folder, { recursive: true });
    const of = typedSearchAttributes.get(defineSearchAttributeKey(SearchAttribute.node, 'KEYWORD'));
    const node = of === undefined ? '' : `-${of}`;
    const file = join(folder, `${name}${node}.${SDK_VERSION}.json`);
    // The CLI writes what the SDK reads back; JSON.stringify of a fetched history does not.
    const { stdout } = await run(
      cliPath,
      [
        'workflow',
        'show',
        '-w',
        workflowId,
        '-r',
        runId,
        '-o',
        'json',
        '--address',
        address,
        '--namespace',
        roll.namespace,
      ],
      { maxBuffer: 64 * 2 ** 20 },
    );
    await writeFile(file, anonymous(stdout));
    console.log(`${type} ${name}: ${file.slice(HISTORIES.length)}`);
  }
}

/** Process ids, host and path of the recording machine say nothing about the run. */
function anonymous(history: string): string {
  return history.replaceAll(/"identity": "[^"]*"/g, '"identity": "recorder"').replaceAll(ROOT, '');
}

/** Both nodes go down, and come back when the mains do. The guard goes on watching. */
async function liveThroughOutage(roll: RollLab): Promise<void> {
  const { lab, client } = roll;
  await roll.startWorker({ args: ['power'] });
  const { device } = lab.ups;
  const outage = client.workflow.getHandle(powerOutageId(lab.access.ups.name));
  const workflowId = powerPlanId(lab.access.ups.name, 'recorded');
  await client.workflow.execute('powerPlan', { workflowId, taskQueue: TaskQueue.power, args: [] });
  device.setMains(false);
  while (lab.access.nodes.some(({ name }) => lab.node(name).machine.power !== 'off')) await sleep(200);
  device.setCharge(80);
  device.setMains(true);
  await outage.result();
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
