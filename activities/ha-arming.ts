import { ProxmoxError } from '../clients/proxmox/index.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';

/** Commands are only queued, and the CRM decides every ten seconds; after so many looks it is told again. */
const LOOKS_BEFORE_ASKING_AGAIN = 12;

/** A new CRM takes over within two minutes: whoever says for so many looks that it is armed has heard every command. */
const LOOKS_BEFORE_BELIEVING = 36;

export interface EnsureHaArmedInput {
  readonly armed: boolean;
  readonly within: Duration;
  /** When it is disarmed: its services stay as they are (`freeze`, default), or it lets go of them (`ignore`). */
  readonly mode?: 'freeze' | 'ignore';
  /** Before it is armed these have to be there; every node of the cluster unless said otherwise. */
  readonly nodes?: readonly string[];
}

export function createHaArmingActivities(deps: ActivityDeps) {
  const { proxmox, polling } = deps;
  return {
    /**
     * Disarms the HA manager of the whole cluster, or arms it again. It counts as disarmed when it says so and no resource manager is active: then no watchdog can reset a node. Arming is
     * commanded in any case, for a command to disarm may still be queued, but only while every node is there that has to be:
     * the watchdogs would reset those that are left without quorum. While one is away, HA that stays armed was armed by somebody else.
     * Since 9.2; before, disarming fails for good.
     * Sources: `POST /cluster/ha/status/disarm-ha` and `arm-ha`, `GET /cluster/ha/status/current`.
     */
    async ensureHaArmed({ armed, within, mode = 'freeze', nodes }: EnsureHaArmedInput): Promise<void> {
      let looks = 0;
      let told = false;
      let unbidden = 0;
      await awaitWorld({
        what: `HA to be ${armed ? 'armed again' : 'disarmed'}`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.RemoteUnavailable,
        remedy: 'ha-manager status on any node says what the HA manager does.',
        look: async (): Promise<Look<true>> => {
          const missing = armed ? await missingForArmed(deps) : await missingForDisarmed(deps);
          if (missing === null && (told || !armed)) return { found: true };
          const { danger, quorate } = armed ? await lookForDanger(deps, nodes) : NO_DANGER;
          if (danger !== null) {
            unbidden = missing === null && quorate ? unbidden + 1 : 0;
            return unbidden < LOOKS_BEFORE_BELIEVING ? { waitingFor: danger } : { found: true };
          }
          if (looks++ % LOOKS_BEFORE_ASKING_AGAIN === 0 || !told) {
            try {
              await (armed ? proxmox.armHa() : proxmox.disarmHa(mode));
            } catch (error) {
              // Where it cannot be armed it was never disarmed.
              if (armed && error instanceof ProxmoxError && error.type === 'ProxmoxNotImplemented') {
                return { found: true };
              }
              throw error;
            }
            told = true;
          }
          return { waitingFor: missing ?? 'the command to be taken' };
        },
      });
    },
  };
}

const NO_DANGER = { danger: null, quorate: true };

async function lookForDanger(
  { proxmox }: ActivityDeps,
  wanted: readonly string[] | undefined,
): Promise<{ danger: string | null; quorate: boolean }> {
  const { nodes, quorate } = await proxmox.clusterStatus();
  const away = nodes
    .filter(({ name, online }) => !online && (wanted === undefined || wanted.includes(name)))
    .map(({ name }) => name);
  if (away.length > 0) return { danger: `${away.join(', ')} to come back`, quorate };
  return { danger: quorate ? null : 'the cluster to be quorate', quorate };
}

async function missingForDisarmed({ proxmox }: ActivityDeps): Promise<string | null> {
  const [lines, { lrm }] = await Promise.all([proxmox.haStatus(), proxmox.haManagerStatus()]);
  const state = lines.find((line) => line.type === 'fencing')?.armedState ?? 'unknown';
  if (state !== 'disarmed') return `it says "${state}"`;
  const active = [...lrm].filter(([, each]) => each.state === 'active').map(([node]) => node);
  return active.length === 0 ? null : `the HA resource manager of ${active.join(', ')} is still active`;
}

async function missingForArmed({ proxmox }: ActivityDeps): Promise<string | null> {
  const [lines, { disarmed, services }] = await Promise.all([proxmox.haStatus(), proxmox.haManagerStatus()]);
  const state = lines.find((line) => line.type === 'fencing')?.armedState;
  if (disarmed || state === 'disarming' || state === 'disarmed') return `it says "${state ?? 'disarmed'}"`;
  const frozen = services.filter((service) => service.state === 'freeze').map(({ sid }) => sid);
  return frozen.length === 0 ? null : `${frozen.join(', ')} still frozen`;
}
