import { cancellationSignal } from '@temporalio/activity';
import { ProxmoxError } from '../clients/proxmox/index.ts';
import { sh, type ExecResult } from '../clients/ssh/index.ts';
import type { CephState } from '../domain/ceph.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { whyCephHolds } from '../planning/ceph.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { NoClearAnswer } from './guard.ts';

/** How Proxmox says that a node has no Ceph; any other error leaves it unknown. */
const ABSENT = /binary not installed|not initialized|not fully configured/;

export interface AwaitCephInput {
  readonly node: string;
  /** It shall also be safe to stop all of Ceph on the node. */
  readonly stopping: boolean;
  /** Our own flag is set. */
  readonly flagged: boolean;
  readonly ignored: readonly string[];
  readonly within: Duration;
}

export function createCephActivities(deps: ActivityDeps) {
  return {
    /** Ceph as the node sees it, or null where it has none. What cannot be read is an error and never null. */
    readCeph({ node }: { node: string }): Promise<CephState | null> {
      return readCeph(deps, node);
    },

    /** Keeps the OSDs of a host from being marked out while it is away, or no longer (`ceph osd add-noout`). */
    async ensureCephNoout({ node, on, within }: { node: string; on: boolean; within: Duration }): Promise<void> {
      await awaitWorld({
        what: `Ceph's noout of ${node} to be ${on ? 'set' : 'cleared'}`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.RemoteUnavailable,
        remedy: `Set it by hand: ceph osd ${on ? 'add' : 'rm'}-noout ${node}`,
        look: async (): Promise<Look<true>> => {
          if ((await readNooutHosts(deps, node)).includes(node) === on) return { found: true };
          const { code, stderr } = await ceph(deps, node, sh`ceph osd ${on ? 'add-noout' : 'rm-noout'} ${node}`);
          return { waitingFor: code === 0 ? 'the change to show' : stderr.trim() };
        },
      });
    },

    /** Waits until Ceph is well: its checks, its placement groups and, before a stop, its own word that it is safe. */
    async awaitCeph({ node, stopping, flagged, ignored, within }: AwaitCephInput): Promise<void> {
      await awaitWorld({
        what: `Ceph to be well${stopping ? ` and able to do without ${node}` : ''}`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.PlanChanged,
        remedy: 'Look at ceph health detail; a check that is harmless can be named in rollingUpdate.cephIgnore.',
        look: async (): Promise<Look<true>> => {
          const state = await readCeph(deps, node);
          if (state === null) return { waitingFor: 'Ceph, which was there, to be there again' };
          const reasons = whyCephHolds(state, { flagged, ignored });
          if (reasons.length === 0 && stopping) reasons.push(...(await whyNotToStop(deps, node, state)));
          return reasons.length === 0 ? { found: true } : { waitingFor: reasons.join('; ') };
        },
      });
    },
  };
}

async function readCeph(deps: ActivityDeps, node: string): Promise<CephState | null> {
  const { proxmox } = deps;
  try {
    const status = await proxmox.cephStatus(node);
    return { ...status, nooutHosts: await readNooutHosts(deps, node) };
  } catch (error) {
    if (error instanceof ProxmoxError && error.status === 500 && ABSENT.test(error.reason)) return null;
    throw error;
  }
}

async function readNooutHosts(deps: ActivityDeps, node: string): Promise<string[]> {
  const { code, stdout, stderr } = await ceph(deps, node, 'ceph osd dump --format json');
  if (code !== 0) throw new NoClearAnswer(`${node}: ceph osd dump: ${stderr.trim()}`);
  return Object.entries(parseDump(node, stdout).crush_node_flags ?? {}).flatMap(([host, flags]) =>
    flags.includes('noout') ? host : [],
  );
}

function parseDump(node: string, json: string): { crush_node_flags?: Record<string, readonly string[]> } {
  try {
    return JSON.parse(json) as ReturnType<typeof parseDump>;
  } catch (error) {
    throw new NoClearAnswer(`${node}: ceph osd dump cannot be read`, { cause: error });
  }
}

/** All OSDs of the host together, for each by itself says nothing about the others. A host without OSDs has no tree. */
async function whyNotToStop(deps: ActivityDeps, node: string, { monitors }: CephState): Promise<string[]> {
  const tree = await ceph(deps, node, sh`ceph osd ls-tree ${node}`);
  const osds = tree.stdout.split(/\s+/).filter((id) => /^\d+$/.test(id));
  if (tree.code !== 0 && !/ENOENT/.test(tree.stderr)) return [`ceph osd ls-tree: ${tree.stderr.trim()}`];
  const questions = [
    ...(osds.length > 0 ? [`ceph osd ok-to-stop ${osds.join(' ')}`] : []),
    ...(monitors.includes(node) ? [sh`ceph mon ok-to-stop ${node}`] : []),
  ];
  const reasons: string[] = [];
  for (const question of questions) {
    const { code, stderr } = await ceph(deps, node, question);
    if (code !== 0) reasons.push(`${question}: ${stderr.trim()}`);
  }
  return reasons;
}

function ceph(deps: ActivityDeps, node: string, line: string): Promise<ExecResult> {
  return deps.ssh(node).exec(line, { timeoutMs: 60_000, signal: cancellationSignal() });
}
