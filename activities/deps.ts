import type { ProxmoxClient } from '../clients/proxmox/index.ts';
import type { RemoteJobs } from '../clients/remote-job/index.ts';
import type { SshClient, SshExec } from '../clients/ssh/index.ts';
import type { FleetSettings, HostSettings, WeeklySettings } from '../domain/patch.ts';
import type { RollSettings } from '../domain/policy.ts';
import type { Postbox } from './mail.ts';
import type { NutClientDeps } from './nut-client/index.ts';

/** A shell of a host of the inventory, however it is reached. */
export type HostShell = Pick<SshClient, 'label' | 'withConnection'> & SshExec;

/** All that the activities reach the world through. The worker makes it from the configuration, tests from the lab. */
export interface ActivityDeps {
  /** Configuration and input merged and checked; throws an Error named `InputError` that names the wrong fields. */
  readonly settings: (input: unknown) => RollSettings;
  /** The same for the runs that patch hosts; each takes the input of its workflow. */
  readonly patchSettings: {
    readonly host: (input: unknown) => HostSettings;
    readonly fleet: (input: unknown) => FleetSettings;
    readonly weekly: (input: unknown) => WeeklySettings;
  };
  readonly proxmox: ProxmoxClient;
  /** SSH to a node by its cluster name. */
  readonly ssh: (node: string) => SshClient;
  readonly jobs: (node: string) => RemoteJobs;
  /** A host of the inventory by its name; throws an Error named `InputError` for any other. */
  readonly hostShell: (host: string) => HostShell;
  readonly hostJobs: (host: string) => RemoteJobs;
  /** Where its SSH server listens; null for a host that is reached in another way. */
  readonly hostDoor: (host: string) => { readonly address: string; readonly port: number } | null;
  /** Folder on the hosts that is ours: absolute or `~/…`. */
  readonly hostStateDirectory: string;
  /** Folder on the nodes that is ours: absolute or `~/…`. */
  readonly stateDirectory: string;
  /**
   * The header that goes with an entry of `credentials`; throws if `url` is not where the entry may be sent.
   */
  readonly authorization: (name: string, url: string) => Promise<{ readonly authorization: string }>;
  readonly nutClients: NutClientDeps;
  /** Null where no mail is configured. */
  readonly postbox: Postbox | null;
  readonly polling: {
    readonly intervalMs: number;
    /** How many looks in a row must find a node well. */
    readonly stablePolls: number;
  };
}
