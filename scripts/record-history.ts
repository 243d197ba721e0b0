// `npm run record-histories`: runs the cases below on the lab and keeps their histories for the replay tests.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { defineSearchAttributeKey } from '@temporalio/common';
import { rollingUpdateId } from '../domain/ids.ts';
import type { PolicyOverrides } from '../domain/policy.ts';
import { SearchAttribute } from '../domain/search-attributes.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import type { LabEvent } from '../lab/index.ts';
import { smallSite, type Site } from '../lab/site.ts';
import { createTeardown } from './lib/teardown.ts';
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
  readonly input?: PolicyOverrides;
  /** Faults to set before, things to do meanwhile. */
  readonly meanwhile?: (roll: RollLab) => void;
}

const CASES: readonly Case[] = [
  { name: 'done', site: smallSite() },
  { name: 'done-with-ha', site: smallSite({ nodes: 3, ha: true }) },
  { name: 'planned', site: smallSite(), input: { dryRun: true } },
  { name: 'refused', site: smallSite({ ha: true }) },
  { name: 'upgrade-failed', site: smallSite(), meanwhile: failUpgrades },
  { name: 'canceled', site: smallSite(), meanwhile: cancelWhileDraining },
];

const teardown = createTeardown();
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
  for (const [index, each] of CASES.entries()) {
    const namespace = `record-${index}`;
    const roll = await createRollLab({
      site: each.site,
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
  { name, input, meanwhile }: Case,
  roll: RollLab,
  cliPath: string,
  address: string,
): Promise<void> {
  await roll.startWorker();
  meanwhile?.(roll);
  const handle = await roll.client.workflow.start('rollingUpdate', {
    workflowId: rollingUpdateId(roll.lab.access.cluster),
    taskQueue: TaskQueue.maintenance,
    args: input ? [input] : [],
  });
  await handle.result().catch(() => undefined);
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
