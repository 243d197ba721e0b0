import { cancellationSignal } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import type { NodeHealth } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { missingForRejoin, type RejoinExpectation } from '../planning/rejoin.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { endBoot } from './end-boot.ts';
import { readBootState, readHealthSoFar, type BootState } from './node.ts';

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
      const line = sh`[ "$(cat /proc/sys/kernel/random/boot_id)" = ${bootId} ] && systemctl reboot`;
      const { state } = await endBoot({
        machine: node,
        within,
        intervalMs: deps.polling.intervalMs,
        remedy: 'Look at its console (iDRAC, IPMI); guests stay where they are until it is back.',
        read: () => readBootState(deps, node),
        isOld: (boot) => boot.bootId === bootId,
        ask: () => deps.ssh(node).exec(line, { timeoutMs: 20_000, signal: cancellationSignal() }),
      });
      return state;
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
