import { cancellationSignal } from '@temporalio/activity';
import { WHICH_BOOT } from '../clients/remote-job/index.ts';
import { quote, sh } from '../clients/ssh/index.ts';
import type { Duration } from '../domain/duration.ts';
import type { HostReading } from '../domain/host.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { endBoot } from './end-boot.ts';
import { NoClearAnswer } from './guard.ts';
import { readHost } from './host.ts';

/** apt reads its lists for some seconds on a slow disk. */
const READ_TIMEOUT_MS = 120_000;

const TIMEOUT_MS = 20_000;

export interface ReadHostStateInput {
  readonly host: string;
  /** Ask apt what it would upgrade, which costs the host a second or two of its processor; else `pending` is unknown. */
  readonly updates: boolean;
}

export interface RebootHostInput {
  readonly host: string;
  /** The boot that shall end, as in `HostReading`. */
  readonly boot: string;
  readonly within: Duration;
}

export interface RebootHostResult {
  /** The boot that it is in now. */
  readonly boot: string;
  /** How long it did not answer, as seen from here; null: it had rebooted before anybody looked. */
  readonly downSeconds: number | null;
}

export function createHostBootActivities(deps: ActivityDeps) {
  async function run(host: string, script: string): Promise<string> {
    const options = { timeoutMs: TIMEOUT_MS, signal: cancellationSignal() };
    return (await deps.hostShell(host).exec(sh`/bin/sh -c ${script}`, options)).stdout;
  }
  const read = (host: string, updates: boolean): Promise<HostReading> =>
    readHost(deps.hostShell(host), {
      stateDirectory: deps.hostStateDirectory,
      updates,
      timeoutMs: READ_TIMEOUT_MS,
      signal: cancellationSignal(),
    });
  return {
    /** How a host is, by one login that changes nothing. */
    readHostState({ host, updates }: ReadHostStateInput): Promise<HostReading> {
      return read(host, updates);
    },

    /** Waits until a host answers, and tells how it is. Fails with `HostSilent`. */
    awaitHost({ host, within }: { readonly host: string; readonly within: Duration }): Promise<HostReading> {
      return awaitWorld({
        what: `${host} to answer`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.HostSilent,
        remedy: `Look at the console of ${host} in Proxmox.`,
        look: async () => ({ found: await read(host, false) }),
      });
    },

    /**
     * Reboots a host out of one boot and waits for the next. The command compares the boot on the host itself, so one that
     * arrives late, or twice, can never end a second boot. Fails with `RebootNotProven`.
     */
    async rebootHost({ host, boot, within }: RebootHostInput): Promise<RebootHostResult> {
      const { state, downMs } = await endBoot({
        machine: host,
        within,
        intervalMs: deps.polling.intervalMs,
        remedy: `Look at the console of ${host} in Proxmox.`,
        read: async () => {
          const [answer = ''] = (await run(host, `${WHICH_BOOT}printf '%s\\n' "$boot"`)).split('\n');
          // A host that boots or goes down may take a login and run half of it.
          if (!/^[\da-f-]{36}\/\d+$/.test(answer))
            throw new NoClearAnswer('The host does not say which boot it is in.');
          return answer;
        },
        isOld: (seen) => seen === boot,
        ask: () =>
          run(
            host,
            `${WHICH_BOOT}[ "$boot" = ${quote(boot)} ] || exit 0
if [ -d /run/systemd/system ]; then systemctl reboot; else reboot; fi`,
          ),
      });
      return { boot: state, downSeconds: downMs === null ? null : Math.round(downMs / 1_000) };
    },
  };
}
