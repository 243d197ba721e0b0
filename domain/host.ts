import type { Fact } from './condition.ts';
import type { GuestKind } from './cluster.ts';

/** A package that `apt-get dist-upgrade` would install or upgrade. */
export interface PendingUpdate {
  readonly name: string;
  /** Null: it would be new. */
  readonly from: string | null;
  readonly to: string;
  /** It comes from an archive for security updates. */
  readonly security: boolean;
}

/** What a host's own shell tells of whether it wants a reboot. */
export interface RebootEvidence {
  /** It says itself that it is a container: it has no kernel of its own. */
  readonly container: boolean;
  /** `uname -r` */
  readonly runningKernel: string;
  /** Releases of the kernels that packages have installed. */
  readonly installedKernels: Fact<readonly string[]>;
  /** Packages that `/run/reboot-required.pkgs` names; null where there is no `/run/reboot-required`. */
  readonly flag: Fact<readonly string[] | null>;
  /** needrestart's word for the kernel, null where it is not installed. */
  readonly needrestart: Fact<'current' | 'outdated' | 'undetermined' | null>;
}

/** A Debian or Ubuntu host as one login finds it. */
export interface HostReading {
  /** Which boot it is in: the kernel's boot id and, as a container shares that with its host, the start time of its init. */
  readonly boot: Fact<string>;
  /** `PRETTY_NAME` of os-release(5). */
  readonly system: string;
  /** By the package lists as they are. */
  readonly pending: Fact<readonly PendingUpdate[]>;
  /** A digest of all its packages with their versions and states: the same for the same software. */
  readonly packages: Fact<string>;
  /** Seconds since the package lists were fetched, by the host's clock. */
  readonly listsAge: Fact<number>;
  /** Names of the Docker containers that run and that Docker would start again; null where there is no Docker. */
  readonly containers: Fact<readonly string[] | null>;
  readonly reboot: RebootEvidence;
}

/** Null: nobody can tell, for the reasons given. */
export interface RebootNeed {
  readonly needed: boolean | null;
  readonly because: readonly string[];
}

/** A guest as Proxmox lists it. */
export interface ListedGuest {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string | null;
  readonly node: string;
  /** `running`, `stopped`, …; seconds old. */
  readonly status: string;
  readonly template: boolean;
}

/** What the inventory says of a host. */
export interface InventoryHost {
  readonly name: string;
  readonly vmid: number | null;
  readonly kind: GuestKind | null;
}
