import type { Bmc, MagicPacket } from '../../clients/wake/index.ts';
import type { PowerSettings } from '../../domain/outage.ts';
import type { PowerReading, StatusWords } from '../../domain/power.ts';
import type { ActivityDeps } from '../deps.ts';

/** The UPS of the configuration. */
export interface UpsReader {
  /** For people: its name and its NUT server. */
  readonly label: string;
  /** One look. Throws `NutError` when there is no answer, or the reason of the signal. */
  read(signal?: AbortSignal): Promise<PowerReading>;
  /** Its status alone: a line instead of a list. */
  readStatus(signal?: AbortSignal): Promise<StatusWords>;
}

/**
 * What the activities of power reach the world through, beside what all activities do. Their Proxmox client gives up soon:
 * while a battery runs down, a node that hangs must not hold what is to be done to the others.
 */
export interface PowerDeps extends ActivityDeps {
  readonly power: {
    /** The configuration; throws an Error named `InputError` where it has no section `power`. */
    readonly settings: () => PowerSettings;
    readonly ups: UpsReader;
    /** Null for a node without one. */
    readonly bmc: (node: string) => Bmc | null;
    /** Null for a node that has no address for magic packets. */
    readonly wake: (node: string) => MagicPacket | null;
  };
}
