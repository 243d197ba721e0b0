import { cancellationSignal } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import type { NodeHealth } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { missingForRejoin, type RejoinExpectation } from '../planning/rejoin.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { isPassing } from './guard.ts';
import { readBootState, readHealthSoFar, type BootState } from './node.ts';

/** A reboot request that shows no effect for so many looks was lost, and is repeated. */
const LOOKS_BEFORE_ASKING_AGAIN = 30;

export interface RebootNodeInput {
  readonly node: string;
  /** The boot that shall end. */
  readonly bootId: string;
  readonly within: Duration;
}

export interface AwaitRejoinInput {
  readonly node: string;
  readonly expected: RejoinExpectation;
  readonly within: Duration;
}

export function createRebootActivities(deps: ActivityDeps) {
  return {
    /**
     * Reboots a node out of the boot `bootId` and waits for the next. The command compares the boot id on the node
     * itself, so one that arrives late, or twice, can never end a second boot. Fails with `RebootNotProven`.
     */
    async rebootNode({ node, bootId, within }: RebootNodeInput): Promise<BootState> {
      let looks = 0;
      let wentDown = false;
      return awaitWorld({
        what: `${node} to reboot`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.RebootNotProven,
        remedy: 'Look at its console (iDRAC, IPMI); guests stay where they are until it is back.',
        look: async (): Promise<Look<BootState>> => {
          const boot = await readBootState(deps, node).catch((error: unknown) => {
            if (isPassing(error)) return null;
            throw error;
          });
          if (boot === null) {
            wentDown = true;
            return { waitingFor: 'it is down or does not answer over SSH' };
          }
          if (boot.bootId !== bootId) return { found: boot };
          if (looks++ % LOOKS_BEFORE_ASKING_AGAIN === 0) await askForReboot(deps, node, bootId);
          return {
            waitingFor: wentDown
              ? 'it answers again with its old boot id: it was not rebooted'
              : 'it is still up with its old boot id (is something like molly-guard in the way?)',
          };
        },
      });
    },

    /** Waits until a node is a full member again, for some looks in a row. Fails with `RejoinFailed`. */
    async awaitRejoin({ node, expected, within }: AwaitRejoinInput): Promise<NodeHealth> {
      let steady = 0;
      return awaitWorld({
        what: `${node} to be a full member of the cluster`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.RejoinFailed,
        remedy: `Look at ${node}: pvecm status, systemctl --failed, pvesm status.`,
        look: async (): Promise<Look<NodeHealth>> => {
          const health = await readHealthSoFar(deps, node);
          const missing = missingForRejoin(health, expected);
          steady = missing.length === 0 ? steady + 1 : 0;
          if (steady >= deps.polling.stablePolls) return { found: health };
          return { waitingFor: missing.length === 0 ? 'it to stay so' : missing.join(', ') };
        },
      });
    },
  };
}

async function askForReboot(deps: ActivityDeps, node: string, bootId: string): Promise<void> {
  const line = sh`[ "$(cat /proc/sys/kernel/random/boot_id)" = ${bootId} ] && systemctl reboot`;
  try {
    await deps.ssh(node).exec(line, { timeoutMs: 20_000, signal: cancellationSignal() });
  } catch (error) {
    // The reboot may cut the connection before the answer; the boot id will tell.
    if (!isPassing(error)) throw error;
  }
}
