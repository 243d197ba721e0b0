import { createHash } from 'node:crypto';
import { ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import type { NutClient } from '../../clients/nut/index.ts';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { FoundNutClient, NutClientSettings, NutMonitor } from '../../domain/nut-client.ts';
import {
  canBeSent,
  nutClientFiles,
  reasonsNotToProvision,
  whyNotProtected,
  type DeclaredFile,
} from '../../planning/nut-client-files.ts';
import { awaitWorld, type Look } from '../await-world.ts';
import type { ActivityDeps } from '../deps.ts';
import { NoClearAnswer } from '../guard.ts';
import { lookAtJob } from '../look-at-job.ts';
import { readNutClient } from './read.ts';
import {
  ASK_PACKAGE,
  CLOSE_JOURNAL,
  FORGET,
  INSTALL_JOB,
  LIST_CHANGED,
  OPEN_JOURNAL,
  REMOVE_FILES,
  REMOVE_JOB,
  RESTART_MONITOR,
  REVERT,
  TORN,
  writeScript,
} from './scripts.ts';

/** What the NUT clients of the nodes are made from. */
export interface NutClientDeps {
  /** Configuration and input merged and checked; throws an Error named `InputError` that names the wrong fields. */
  readonly settings: (input: unknown) => NutClientSettings;
  /** Of the nodes' user at the NUT server. */
  readonly password: () => Promise<string>;
  /** The NUT server as the worker reaches it. */
  readonly server: () => NutClient;
}

export interface NutClientInput {
  readonly node: string;
  readonly monitor: NutMonitor;
}

export interface NutClientJobInput {
  readonly node: string;
  /** Names the work of this run: found again by every attempt. */
  readonly jobId: string;
  readonly within: Duration;
}

export interface NutClientChange {
  /** A change is open: it is to be put into use, and then proved or taken back. */
  readonly pending: boolean;
  /** Paths of the files that it has touched; of attempts before this one, too. */
  readonly changed: readonly string[];
}

const TIMEOUT_MS = 60_000;

export function createNutClientActivities(deps: ActivityDeps) {
  const run = (node: string, line: string, task: string, stdin?: string) => succeed(deps, node, line, task, stdin);
  /** How the client is of a node that may be one. */
  const read = async (node: string, monitor: NutMonitor): Promise<FoundNutClient> => {
    const found = await readNutClient(deps.ssh(node), node, monitor, cancellationSignal());
    const reasons = reasonsNotToProvision(found);
    if (reasons.length === 0) return found;
    throw failure(ErrorType.Refused, `${node} was left as it is: ${reasons.join('; ')}.`);
  };
  return {
    /** The configuration with a run's input merged in. Fails with `InvalidInput`, naming every wrong field. */
    loadNutClientSettings(input: unknown): Promise<NutClientSettings> {
      return Promise.resolve().then(() => deps.nutClients.settings(input));
    },

    /**
     * Installs the package `nut-client` where it is missing, by a job on the node that is never started twice and waits for
     * the locks of apt and dpkg. Fails with `UpgradeFailed`, with the end of the log as detail, and with `Refused` where the
     * node must not be made a client.
     */
    async ensureNutClientPackage({ node, monitor, jobId, within }: NutClientInput & NutClientJobInput): Promise<void> {
      const found = await read(node, monitor);
      if (found.version !== null) return;
      await aptJob(deps, { node, jobId, within }, 'the installation of nut-client', INSTALL_JOB);
    },

    /**
     * Writes the files of the NUT client that are not as declared, each as a whole. What was there before this change is
     * noted first, for `revertNutClient`; what was there before Caretaker stays beside, for `removeNutClientFiles`. Writes
     * nothing where all is as declared. Fails with `Refused` where the node must not be made a client.
     */
    async ensureNutClientFiles({ node, monitor }: NutClientInput): Promise<NutClientChange> {
      const found = await read(node, monitor);
      const declared = nutClientFiles(monitor, node, await usablePassword(deps));
      const missing = declared.filter((file) => !isAsDeclared(file, found));
      if (isInUse(found) && missing.length === 0) return { pending: false, changed: [] };
      await run(node, OPEN_JOURNAL, 'note how its NUT client was');
      for (const file of missing) {
        const input = `${Buffer.byteLength(file.content)}\n${file.content}`;
        await run(node, writeScript(file), `write ${file.path}`, input);
      }
      const changed = await run(node, LIST_CHANGED, 'list what was changed');
      return { pending: true, changed: changed.split('\n').filter((path) => path !== '') };
    },

    /** Has upsmon begin anew with the files as they are, now and at each boot. */
    async ensureNutMonitorRestarted({ node }: { node: string }): Promise<void> {
      await run(node, RESTART_MONITOR, 'start nut-monitor');
    },

    /**
     * Waits until upsmon runs, `upsc` on the node gets an answer, and the NUT server counts the node among its clients.
     * Fails with `NutClientNotProved`.
     */
    async awaitNutClient({ node, monitor, within }: NutClientInput & { readonly within: Duration }): Promise<true> {
      const server = deps.nutClients.server();
      try {
        return await awaitWorld({
          what: `the NUT client of ${node}`,
          within,
          intervalMs: deps.polling.intervalMs,
          errorType: ErrorType.NutClientNotProved,
          remedy: `Check power.ups and power.clients, and the user ${monitor.user} with "upsmon secondary" in upsd.users of the NUT server.`,
          look: () => lookAtClient(deps, server, { node, monitor }),
        });
      } finally {
        server.close();
      }
    },

    /** The open change is proved: what was noted to take it back is forgotten. */
    async settleNutClient({ node }: { node: string }): Promise<void> {
      await run(node, CLOSE_JOURNAL, 'settle the change of its NUT client');
    },

    /** Takes an open change back: files and service are as they were before it. Does nothing where none is open. */
    async revertNutClient({ node }: { node: string }): Promise<void> {
      await run(node, REVERT, 'take the change of its NUT client back');
    },

    /**
     * Puts files and service back as they were before Caretaker. Files that somebody has replaced since are left to him.
     * Returns what became of them, such as `restored /etc/nut/upsmon.conf`; nothing where nothing is ours.
     */
    async removeNutClientFiles({ node }: { node: string }): Promise<readonly string[]> {
      const told = await run(node, REMOVE_FILES, 'put back what was there before its NUT client');
      return told.split('\n').filter((line) => line !== '');
    },

    /**
     * Removes the package `nut-client` if it is there because of us, by a job on the node that is never started twice.
     * Returns whether it did. Fails with `UpgradeFailed` where other packages would go with it.
     */
    async removeNutClientPackage({ node, jobId, within }: NutClientJobInput): Promise<boolean> {
      const ours = (await run(node, ASK_PACKAGE, 'ask for its packages')) !== '';
      if (ours) await aptJob(deps, { node, jobId, within }, 'the removal of nut-client', REMOVE_JOB);
      await run(node, FORGET, 'remove the notes of its NUT client');
      return ours;
    },
  };
}

async function usablePassword({ nutClients }: ActivityDeps): Promise<string> {
  const password = await nutClients.password();
  if (canBeSent(password)) return password;
  const message =
    'power.clients.password holds a character that upsmon cannot send. Give the user a password of letters, digits and signs without spaces, ", #, = and \\.';
  throw failure(ErrorType.InvalidInput, message);
}

/** Whether nothing but a file could be missing. */
function isInUse({ active, enabled, pending, logThere }: FoundNutClient): boolean {
  return active && enabled && !pending && logThere;
}

/** Whether the file on the node is the declared one. */
export function isAsDeclared({ path, mode, owner, content }: DeclaredFile, { files }: FoundNutClient): boolean {
  const file = files[path];
  if (file === undefined) return false;
  const sha256 = createHash('sha256').update(content).digest('hex');
  return file.sha256 === sha256 && file.mode === mode && file.owner === owner;
}

async function lookAtClient(
  deps: ActivityDeps,
  server: NutClient,
  { node, monitor }: NutClientInput,
): Promise<Look<true>> {
  const signal = cancellationSignal();
  const found = await readNutClient(deps.ssh(node), node, monitor, signal);
  const reason = whyNotProtected(found, await server.listClients(monitor.ups, { signal }), monitor);
  // upsmon repeats lines of its configuration that it does not understand.
  return reason === null
    ? { found: true }
    : { waitingFor: reason.replaceAll(await deps.nutClients.password(), '…').replaceAll(/\p{Cc}/gu, ' ') };
}

function aptJob(
  deps: ActivityDeps,
  { node, jobId, within }: NutClientJobInput,
  what: string,
  command: string,
): Promise<true> {
  const remedy = `Mend it on ${node}, then start again.`;
  return awaitWorld({
    what: `${what} on ${node}`,
    within,
    intervalMs: deps.polling.intervalMs,
    errorType: ErrorType.UpgradeFailed,
    remedy,
    look: () => lookAtJob(deps, { node, id: jobId, what, command, within, errorType: ErrorType.UpgradeFailed, remedy }),
  });
}

/** Runs a line on a node and gives what it printed, without the last line break. */
async function succeed(deps: ActivityDeps, node: string, line: string, task: string, stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await deps
    .ssh(node)
    .exec(line, { timeoutMs: TIMEOUT_MS, stdin, signal: cancellationSignal() });
  if (code === 0) return stdout.trimEnd();
  const why = `${node}: cannot ${task}: ${stderr.trim().split('\n').at(-1) || `it ended with ${code ?? 'a signal'}`}`;
  if (code === undefined || code === TORN) throw new NoClearAnswer(why);
  throw failure(ErrorType.NutClientNotProved, `${why}. Mend it on ${node}, then start again.`);
}

function failure(type: ErrorType, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
