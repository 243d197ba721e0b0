import { cancellationSignal } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { isPassing } from './guard.ts';
import { removeMark, writeMark } from './maintenance-mark.ts';

/** The CRM drops commands that it cannot carry out without a word; after so many looks it is told again. */
const LOOKS_BEFORE_ASKING_AGAIN = 12;

export function createMaintenanceActivities(deps: ActivityDeps) {
  return {
    /**
     * Sets or clears the HA maintenance flag of a node and waits until the HA manager obeys. There is no API for it:
     * `ha-manager crm-command node-maintenance` is run on another node, which need not be the one concerned.
     * A node that shows no maintenance is told to leave it all the same: a command to enter it may still be queued.
     * Before the flag is set, a mark on the node says whose it is; it goes when the flag is off.
     */
    async ensureMaintenance({ node, on, within }: { node: string; on: boolean; within: Duration }): Promise<void> {
      let looks = 0;
      let told = false;
      let marked = !on;
      await awaitWorld({
        what: `${node} to ${on ? 'enter' : 'leave'} HA maintenance mode`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.RemoteUnavailable,
        remedy: 'ha-manager status on any node says what the HA manager does.',
        look: async (): Promise<Look<true>> => {
          if (!marked) await writeMark(deps, node);
          marked = true;
          const { nodes, maintenanceRequested } = await deps.proxmox.haManagerStatus();
          const state = nodes.get(node) ?? 'unknown';
          const requested = maintenanceRequested.has(node);
          if (on ? state === 'maintenance' : told && !requested && state !== 'maintenance') return { found: true };
          if (looks++ % LOOKS_BEFORE_ASKING_AGAIN === 0 || !told) {
            const problem = await command(deps, node, on);
            if (problem !== null) return { waitingFor: problem };
            told = true;
          }
          return { waitingFor: `its HA state is "${state}"${requested ? ', maintenance is requested' : ''}` };
        },
      });
      if (!on) await removeMark(deps, node);
    },
  };
}

/** Queues the command on the first node that takes it; returns why none did, for that may change (no quorum yet). */
async function command(deps: ActivityDeps, node: string, on: boolean): Promise<string | null> {
  const { nodes } = await deps.proxmox.avoid(node).clusterStatus();
  const peers = nodes.filter((each) => each.online && each.name !== node).map((each) => each.name);
  const line = sh`ha-manager crm-command node-maintenance ${on ? 'enable' : 'disable'} ${node}`;
  let problem = 'no node is online';
  // The node itself comes last: it is the one that may go away.
  for (const peer of [...peers, node]) {
    try {
      const { code, stderr } = await deps.ssh(peer).exec(line, { timeoutMs: 60_000, signal: cancellationSignal() });
      if (code === 0) return null;
      problem = `${peer} refused the command: ${stderr.trim()}`;
    } catch (error) {
      if (!isPassing(error)) throw error;
      problem = (error as Error).message;
    }
  }
  return problem;
}
