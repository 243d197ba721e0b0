// `npm start`, after the bootstrap: Temporal, the lab, a worker and a rolling update of the lab, until Ctrl-C.
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { quote } from '../clients/ssh/quote.ts';
import { rollingUpdateId, updateNodeId } from '../domain/ids.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import { referenceSite } from '../lab/site.ts';
import { followRun } from './cli/follow-run.ts';
import { printEnd } from './cli/outcome.ts';
import { ROLL } from './cli/run-kind.ts';
import { runUrl } from './cli/temporal.ts';
import { createLabSite, type LabSite } from './lib/lab-site.ts';
import { parseStartOptions, START_USAGE, UsageError, type StartOptions } from './lib/start-options.ts';
import { createTeardown, type Teardown } from './lib/teardown.ts';
import { claim } from './lib/single-instance.ts';
import { describeStartError } from './lib/start-errors.ts';
import { startWorkerProcess } from './lib/worker-process.ts';
import { ensureDevServer, type DevServer } from './temporal/dev-server.ts';
import { locateTemporalCli, type LocatedProgram } from './temporal/locate.ts';
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
    const description = describeStartError(error);
    if (description === undefined) throw error;
    console.error(description);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await teardown.run();
  }
}

async function run(options: StartOptions, teardown: Teardown): Promise<number> {
  // Two labs would share their folder, and each worker would take up the other lab's work.
  teardown.add('give up the lab', claim(join(STATE, 'lab.pid'), 'The lab of this folder'));
  const cli = await locateTemporalCli({ say });
  say(cli.sentence);
  const temporal = await startTemporal(options, cli.path, teardown);
  say(`Temporal listens on ${temporal.address}${temporal.uiUrl === undefined ? '' : `, Web UI ${temporal.uiUrl}`}.`);
  const client = await connect(temporal.address, teardown);
  const site = await startLab(temporal, options.scale ?? DEMO_SCALE, teardown);
  const { cluster } = site.lab.access;
  // Before there is a worker, which would go on with them in the new lab. The parent first: it starts the others.
  for (const id of [rollingUpdateId(cluster), updateNodeId(cluster)]) await terminateLeftover(client, id);
  await startWorker(site, teardown);

  const end = await rollLab(client, site, temporal, teardown);
  if (end === null) return 130;
  if (options.once) return end;
  explainWhatNow(temporal, site, cli, end);
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
  say('The worker bundles the workflows, which takes some seconds …');
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
    staticSummary: `Rolling update of the lab`,
  });
  const runId = handle.firstExecutionRunId;
  const webUi = temporal.uiUrl === undefined ? null : runUrl(temporal.uiUrl, NAMESPACE, workflowId, runId);
  const out = process.stdout;
  const end = await followRun(ROLL, client, workflowId, {
    out,
    tty: out.isTTY,
    signal: teardown.signal,
    uiUrl: webUi,
    runId,
    env: process.env,
  });
  return end === null ? null : printEnd(ROLL, process, { workflowId, runId, webUi }, end);
}

/** An open run belongs to a lab that is gone. For a real cluster this would be wrong: there, runs are canceled. */
async function terminateLeftover(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).terminate('The lab of this run is gone.');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

function explainWhatNow(temporal: DevServer, { lab, configFile }: LabSite, cli: LocatedProgram, end: number): void {
  const environment = `TEMPORAL_ADDRESS=${temporal.address} TEMPORAL_NAMESPACE=${NAMESPACE}`;
  const temporalCommand = cli.source === 'PATH' ? 'temporal' : quote(cli.path);
  const workflowId = rollingUpdateId(lab.access.cluster);
  say(
    [
      '',
      `${end === 0 ? 'The lab is up to date and stays up.' : 'The lab stays up as the run left it.'} In another terminal:`,
      '',
      `  export ${environment} CARETAKER_CONFIG=${quote(configFile)}`,
      '  npm run caretaker -- plan',
      '  npm run caretaker -- update --reboot always',
      `  ${temporalCommand} workflow start --type rollingUpdate --task-queue ${TaskQueue.maintenance} --workflow-id ${workflowId}`,
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

function say(sentence: string): void {
  console.log(sentence);
}
