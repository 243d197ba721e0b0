// `npm start`, after the bootstrap: Temporal, the lab, a worker and a rolling update of the lab, until Ctrl-C.
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { rollingUpdateId } from '../domain/ids.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import { referenceSite } from '../lab/site.ts';
import { followRun } from './cli/follow-run.ts';
import { printEnd } from './cli/outcome.ts';
import type { RunEnd } from './cli/run-end.ts';
import { runUrl } from './cli/temporal.ts';
import { layoutFor } from './cli/terminal.ts';
import { createLabSite, type LabSite } from './lib/lab-site.ts';
import { parseStartOptions, START_USAGE, UsageError, type StartOptions } from './lib/start-options.ts';
import { createTeardown, type Teardown } from './lib/teardown.ts';
import { startWorkerProcess } from './lib/worker-process.ts';
import { DevServerError, ensureDevServer, type DevServer } from './temporal/dev-server.ts';
import { locateTemporalCli, TemporalUnavailableError } from './temporal/locate.ts';
import { ensureNamespace } from './temporal/namespace.ts';

const STATE = fileURLToPath(new URL('../.caretaker/', import.meta.url));

/** The lab never shares a namespace with a real cluster: its worker must not take up real work, nor a real one the lab's. */
const NAMESPACE = 'caretaker-lab';

/** Slow enough to watch, fast enough to wait for: a boot of 90 seconds takes 4.5. */
const DEMO_SCALE = 20;

process.exitCode = await main();

async function main(): Promise<number> {
  const teardown = createTeardown();
  try {
    const options = parseStartOptions(process.argv.slice(2));
    if (options === undefined) {
      console.log(START_USAGE);
      return 0;
    }
    return await run(options, teardown);
  } catch (error) {
    if (!isForPeople(error)) throw error;
    console.error(error.message);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await teardown.run();
  }
}

async function run(options: StartOptions, teardown: Teardown): Promise<number> {
  const cli = await locateTemporalCli({ say });
  say(cli.sentence);
  const temporal = await startTemporal(options, cli.path, teardown);
  say(`Temporal listens on ${temporal.address}${temporal.uiUrl === undefined ? '' : `, Web UI ${temporal.uiUrl}`}.`);
  const client = await connect(temporal.address, teardown);
  const site = await startLab(temporal, options.scale ?? DEMO_SCALE, teardown);
  await startWorker(site, teardown);

  const end = await rollLab(client, site, temporal, teardown);
  if (end === null) return 130;
  if (options.once) return end;
  explainWhatNow(temporal, site, cli.path);
  await stayUp(teardown.signal);
  return 0;
}

async function startTemporal(options: StartOptions, cliPath: string, teardown: Teardown): Promise<DevServer> {
  // Data of a server on another port is another server's data: two processes must not share one SQLite file.
  const database = options.temporalPort === 7233 ? 'temporal.db' : `temporal-${options.temporalPort}.db`;
  const server = await ensureDevServer({
    cliPath,
    port: options.temporalPort,
    uiPort: options.uiPort,
    dbFile: join(STATE, database),
    logFile: join(STATE, 'temporal.log'),
  });
  teardown.add('stop Temporal', () => server.stop());
  return server;
}

async function connect(address: string, teardown: Teardown): Promise<Client> {
  const connection = await Connection.connect({ address });
  teardown.add('disconnect from Temporal', () => connection.close());
  await ensureNamespace(connection, NAMESPACE);
  return new Client({ connection, namespace: NAMESPACE });
}

async function startLab(temporal: DevServer, scale: number, teardown: Teardown): Promise<LabSite> {
  const site = await createLabSite({
    directory: join(STATE, 'lab'),
    site: referenceSite(),
    scale,
    temporal: { address: temporal.address, namespace: NAMESPACE },
  });
  teardown.add('stop the lab', () => site.lab.close());
  const { nodes, guests } = site.lab.access;
  say(
    `The lab runs ${scale} times faster than life: ${nodes.map((node) => node.name).join(', ')} with ${guests.length} guests.`,
  );
  return site;
}

async function startWorker({ env }: LabSite, teardown: Teardown): Promise<void> {
  say('The worker bundles the workflows …');
  const worker = await startWorkerProcess(env);
  // The lab goes away with everything in it: there is nothing to finish in order.
  teardown.add('stop the worker', () => worker.end('SIGKILL'));
  void worker.ended.then(() => {
    if (!teardown.signal.aborted) console.error(`The worker has ended:\n${worker.output()}`);
  });
}

/** Returns the exit code of the run, or null when somebody asked us to end before it. */
async function rollLab(client: Client, site: LabSite, temporal: DevServer, teardown: Teardown): Promise<number | null> {
  const workflowId = rollingUpdateId(site.lab.access.cluster);
  const handle = await client.workflow.start('rollingUpdate', {
    workflowId,
    taskQueue: TaskQueue.maintenance,
    // An open run belongs to a lab that is gone. For a real cluster this would be wrong: there, runs are canceled.
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    staticSummary: `Rolling update of the lab`,
  });
  const runId = handle.firstExecutionRunId;
  const webUi = temporal.uiUrl === undefined ? null : runUrl(temporal.uiUrl, NAMESPACE, workflowId, runId);
  const out = process.stdout;
  const end: RunEnd | null = await followRun(client, workflowId, {
    out,
    tty: out.isTTY,
    signal: teardown.signal,
    uiUrl: webUi,
    runId,
    layout: layoutFor(out, process.env),
  });
  return end === null ? null : printEnd(process, { workflowId, runId, webUi }, end);
}

function explainWhatNow(temporal: DevServer, { configFile }: LabSite, cliPath: string): void {
  const environment = `TEMPORAL_ADDRESS=${temporal.address} TEMPORAL_NAMESPACE=${NAMESPACE}`;
  say(
    [
      '',
      'The lab is up to date and stays up. In another terminal:',
      '',
      `  export ${environment} CARETAKER_CONFIG=${configFile}`,
      '  npm run caretaker -- plan',
      '  npm run caretaker -- update --reboot always',
      `  ${cliPath} workflow start --type rollingUpdate --task-queue maintenance --workflow-id rolling-update/homelab`,
      '',
      'Ctrl-C ends everything.',
    ].join('\n'),
  );
}

/** A pending promise alone does not keep Node running; the timer does. */
async function stayUp(signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  if (!signal.aborted) await once(signal, 'abort');
  clearInterval(timer);
}

/** Errors whose message is all a person needs. Anything else is a fault of ours and keeps its stack trace. */
function isForPeople(error: unknown): error is Error {
  return [UsageError, DevServerError, TemporalUnavailableError].some((kind) => error instanceof kind);
}

function say(sentence: string): void {
  console.log(sentence);
}
