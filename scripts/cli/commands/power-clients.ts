import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { ActivityDeps } from '../../../activities/index.ts';
import { isClientError } from '../../../activities/guard.ts';
import { mapLimited } from '../../../activities/map-limited.ts';
import { isAsDeclared } from '../../../activities/nut-client/index.ts';
import { readNutClient } from '../../../activities/nut-client/read.ts';
import { nutClientSettingsFor } from '../../../config/power-clients.ts';
import { nutClientsId } from '../../../domain/ids.ts';
import type { NutClientsInput, NutClientsReport, NutMonitor } from '../../../domain/nut-client.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { nutClientFiles, serverAdvice, whyNotProtected } from '../../../planning/nut-client-files.ts';
import { depsFromConfig } from '../../../workers/deps-from-config.ts';
import { requireWorker, untilInterrupted, webUiOf, type Session, type Site } from '../context.ts';
import { followRun } from '../follow-run.ts';
import { printEnd, type RunIdentity } from '../outcome.ts';
import { NUT_CLIENTS, renderNutClientChecks, type NutClientCheck } from '../render/nut-clients.ts';
import { CliError, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

export interface NutClientsFlags {
  readonly json?: boolean;
}

const WORKFLOWS = { provision: 'provisionNutClients', remove: 'removeNutClients' } as const;

/** Has the NUT clients of the nodes made or removed, and follows that to its end. */
export async function runNutClients(
  session: Session,
  task: NutClientsReport['task'],
  nodes: readonly string[],
  { json = false }: NutClientsFlags,
): Promise<ExitCode> {
  const input = inputOf(nodes);
  nutClientSettingsFor(session.config, input);
  await requireWorker(session);
  const run = await start(session, task, input);
  const { terminal } = session;
  // With --json the only thing on stdout is the document at the end.
  const out = json ? terminal.stderr : terminal.stdout;
  const { signal, release } = untilInterrupted();
  try {
    const end = await followRun(NUT_CLIENTS, session.client, run.workflowId, {
      out,
      tty: out.isTTY === true,
      signal,
      uiUrl: run.webUi,
      runId: run.runId,
      env: terminal.env,
    });
    if (end !== null) return printEnd(NUT_CLIENTS, terminal, run, end, { json });
  } finally {
    release();
  }
  printLine(out, `You no longer follow the run; it goes on as ${run.workflowId}, and a mail tells how it ends.`);
  if (json) printJson(terminal.stdout, { ...run, status: 'running' });
  return 0;
}

function inputOf(nodes: readonly string[]): NutClientsInput {
  return nodes.length === 0 ? {} : { nodes };
}

async function start(session: Session, task: NutClientsReport['task'], input: NutClientsInput): Promise<RunIdentity> {
  const workflowId = nutClientsId(session.config.cluster.name);
  try {
    const handle = await session.client.workflow.start(WORKFLOWS[task], {
      taskQueue: TaskQueue.maintenance,
      workflowId,
      args: [input],
      staticSummary: task === 'provision' ? 'NUT clients of the nodes' : 'Removal of the NUT clients',
    });
    const runId = handle.firstExecutionRunId;
    return { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new CliError(`${workflowId} is running already; nothing was started. Wait until it is over.`, 1);
  }
}

/** Shows whether the NUT clients of the nodes are as declared and known to the NUT server. 1 if one is not. */
export async function checkNutClients(
  site: Site,
  nodes: readonly string[],
  { json = false }: NutClientsFlags,
): Promise<ExitCode> {
  const { stdout, env } = site.terminal;
  const settings = nutClientSettingsFor(site.config, inputOf(nodes));
  const deps = depsFromConfig(site.config, env);
  try {
    const clients = await listClients(deps, settings.monitor);
    const checks = await mapLimited(settings.nodes, settings.nodes.length, (node) =>
      checkNode(deps, settings.monitor, node, clients),
    );
    const server = serverAdvice(settings.shutdownBudget);
    if (json) printJson(stdout, { nodes: checks, server });
    else printLine(stdout, renderNutClientChecks(checks, server, layoutFor(stdout, env)));
    return checks.every(({ why }) => why === null) ? 0 : 1;
  } finally {
    await deps.close();
  }
}

type Clients = { readonly value: readonly string[] } | { readonly unknown: string };

async function listClients({ nutClients }: ActivityDeps, { ups }: NutMonitor): Promise<Clients> {
  const server = nutClients.server();
  try {
    return { value: await server.listClients(ups) };
  } catch (error) {
    return { unknown: reasonOf(error) };
  } finally {
    server.close();
  }
}

async function checkNode(
  deps: ActivityDeps,
  monitor: NutMonitor,
  node: string,
  clients: Clients,
): Promise<NutClientCheck> {
  try {
    const found = await readNutClient(deps.ssh(node), node, monitor);
    const declared = nutClientFiles(monitor, node, await deps.nutClients.password());
    const different = declared.filter((file) => !isAsDeclared(file, found)).map(({ path }) => path);
    const { version, active, enabled } = found;
    const running = active ? (enabled ? 'runs' : 'runs, but not after a boot') : 'does not run';
    const base = { node, version, different, service: running };
    if (version === null) return { ...base, why: 'nut-client is not installed: caretaker power clients install' };
    if ('unknown' in clients) return { ...base, why: `the NUT server was not asked: ${clients.unknown}` };
    const lacks = whyNotProtected(found, clients.value, monitor);
    if (lacks !== null) return { ...base, why: lacks };
    if (different.length > 0) return { ...base, why: `not as declared: ${different.join(', ')}` };
    return { ...base, why: enabled ? null : 'nut-monitor is not started at a boot' };
  } catch (error) {
    return { node, version: null, different: [], service: '?', why: reasonOf(error) };
  }
}

/** Trouble of the other side is part of the answer; a configuration that cannot be used is not. */
function reasonOf(error: unknown): string {
  if (isClientError(error)) return error.message;
  throw error;
}
