/**
 * The contract between the two halves of the lab: `lab/machine/` models one computer with an operating system (power,
 * boot, kernels, packages, services, SSH), `lab/cluster/` models what Proxmox VE makes of several of them.
 */

/** `off` answers nothing; `booting` and `shutting-down` take virtual time; only `on` runs commands and services. */
export type PowerState = 'off' | 'booting' | 'on' | 'shutting-down';

/** Where a machine listens for SSH and how it proves who it is. */
export interface SshEndpoint {
  readonly host: string;
  readonly port: number;
  /** Host key fingerprint as OpenSSH prints it: `SHA256:…` */
  readonly fingerprint: string;
  /** Host key line for a known_hosts file, without the host: `ssh-ed25519 AAAA…` */
  readonly publicKey: string;
}

/** One installed package and the newer version its repository offers, if any. */
export interface PackageState {
  readonly name: string;
  readonly installed: string | undefined;
  readonly candidate: string;
  readonly section: string;
  readonly priority: string;
  readonly title: string;
  readonly origin: string;
  readonly arch: string;
}

/** How a package comes into being on a machine: its versions and how its upgrade misbehaves. */
export interface PackageSpec {
  readonly name: string;
  /** Absent: new, pulled in by the next dist-upgrade. */
  readonly installed?: string;
  readonly candidate: string;
  readonly section?: string;
  readonly priority?: string;
  readonly title?: string;
  readonly origin?: string;
  /** Default `amd64`. */
  readonly arch?: string;
  /** Its configuration file was changed both here and by the new version, so dpkg asks what to do about it. */
  readonly conffile?: boolean;
  /** `fail`: always, or so many times; `ms`: virtual milliseconds it takes to configure. */
  readonly postinst?: { readonly fail?: boolean | number; readonly ms?: number };
  /** Installing the package adds this kernel, such as `6.14.11-1-pve`. */
  readonly kernel?: string;
  /** Its configuration writes `/run/reboot-required`, which is gone after a boot. */
  readonly rebootRequired?: boolean;
  /** `apt-mark hold`: kept back. */
  readonly held?: boolean;
  /** A failed upgrade left it half configured. */
  readonly broken?: boolean;
  /** Packages the new version needs; a plain `apt-get upgrade` keeps it back when one of them is not installed. */
  readonly depends?: readonly string[];
}

/** A container of a Docker host. */
export interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  /** Default `unless-stopped`. */
  readonly restart?: 'no' | 'on-failure' | 'always' | 'unless-stopped';
  readonly healthCheck?: boolean;
  /** With this version of a package it exits when it is started, or runs and fails its health check. */
  readonly fails?: { readonly package: string; readonly version: string; readonly as: 'exited' | 'unhealthy' };
}

/** How `exec` runs its line. `out` and `err` see output as it comes; an aborted `signal` kills the line's processes. */
export interface ExecOptions {
  readonly actor?: string;
  readonly stdin?: AsyncIterable<Buffer>;
  readonly out?: (chunk: Buffer) => void;
  readonly err?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal;
}

/** A computer as the cluster sees it. */
export interface Machine {
  /** `node/pve-node1`, `lxc/192`, `qemu/210`. */
  readonly id: string;
  readonly hostname: string;
  readonly power: PowerState;
  /** UUID, new at every boot. */
  readonly bootId: string;
  /** Virtual time of the last boot, milliseconds. */
  readonly bootedAt: number;
  /** `uname -r`, chosen at boot: by hand, else by the pin that was refreshed last, else the newest. Containers: the node's. */
  readonly runningKernel: string;
  /** Installed kernels, oldest first, such as `6.14.8-2-pve`. */
  readonly installedKernels: readonly string[];
  /** Pending packages as `apt list --upgradable` would show after the last refresh. */
  readonly packages: readonly PackageState[];
  /** Everything installed, pending or not, sorted by name. */
  readonly installedPackages: readonly PackageState[];
  /** `proxmox-boot-tool kernel pin`, and the same for the next boot only. */
  readonly pinnedKernel: string | undefined;
  readonly nextBootKernel: string | undefined;
  readonly ssh: SshEndpoint;

  /**
   * Power on: boots in virtual time, the kernel that somebody chose in the boot menu if one is named. No-op unless it is off
   * and power is to be had.
   */
  powerOn(options?: { kernel?: string }): void;
  /** Power cut: off at once, units and commands die, connections reset. */
  powerCut(reason: string): void;
  /** Says whether power is to be had (default: always). */
  suppliedBy(hasPower: () => boolean): void;
  /** Orderly shutdown, then off; with `reboot` it boots again. Resolves when it is off. */
  shutdown(options: { reboot: boolean; actor: string }): Promise<void>;
  /** `apt-get update` without a shell, as the Proxmox `aptupdate` task does it; output lines to `print`. */
  refreshPackages(print: (line: string) => void): Promise<void>;
  /** Called at every change of `power`, with the new state. */
  onPower(listener: (power: PowerState) => void): () => void;
  /**
   * Work that an orderly shutdown waits for before services stop and power goes (a node stops its guests, HA services
   * move away): called at the start of `shutting-down`, while commands and network still work; all are awaited before
   * `shutdownMs` begins. Not called on a power cut, and a power cut does not wait for it.
   */
  onShutdown(hook: (options: { reboot: boolean }) => Promise<void>): () => void;
  /** Called when an upgrade configured a package (the cluster restarts pveproxy when `pve-manager` was upgraded). */
  onPackageConfigured(listener: (name: string, version: string) => void): () => void;
  /** Adds or replaces a command on this machine's PATH (`ha-manager`, `pvecm`, `pct`, … come from the cluster). */
  command(name: string, run: LabCommand): void;
  /** Runs a line under the machine's shell without SSH, as `pct exec` does. */
  exec(line: string, options?: ExecOptions): Promise<{ code: number; stdout: string; stderr: string }>;
  /** The repository gets these versions; the machine knows of them after its next refresh. */
  publish(packages: readonly PackageSpec[]): void;
  /** Copies what is on its disks at this moment. Whatever the machine runs goes on. */
  copyDisks(): Promise<DiskCopy>;
  /** Another process (`unattended-upgr` by default) holds the dpkg lock for `ms`. The result lets go of it. */
  holdDpkgLock(ms: number, holder?: string): () => void;
  close(): Promise<void>;
}

/** One call of a lab command. */
export interface CommandCall {
  readonly machine: Machine;
  /** Who runs it: `ssh:root@node/pve-node1`, `unit:caretaker-…`. */
  readonly actor: string;
  /** Process id of the caller's program, which the machine's other processes can signal. */
  readonly pid: number;
  /** Arguments without the command's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard input; ends at once when it is closed or /dev/null. */
  readonly stdin: AsyncIterable<Buffer>;
  out(output: string | Buffer): void;
  err(output: string | Buffer): void;
  /** Aborts when the caller was killed or the machine lost power. */
  readonly signal: AbortSignal;
}

/** A command of the lab: resolves to its exit code. */
export type LabCommand = (call: CommandCall) => Promise<number>;

/** What the disks of a machine held at one moment: its files, packages and kernels. */
export interface DiskCopy {
  /** Puts it back; the machine must be off. */
  restore(): Promise<void>;
  drop(): void;
}

/** How a machine is made. Durations in virtual milliseconds. */
export interface MachineOptions {
  readonly id: string;
  readonly hostname: string;
  readonly kind: 'proxmox' | 'debian' | 'container';
  readonly bootMs: number;
  readonly shutdownMs: number;
  /** Containers have no kernel of their own and no systemd-run unless told so. */
  readonly systemd?: boolean;
  /** The kernel a container reports: its node's. */
  readonly hostKernel?: () => string;
  /** The boot_id a container reports: its node's. */
  readonly hostBootId?: () => string;
  /** Whether an SSH server runs on it (default true). Without one `ssh.port` is 0. */
  readonly ssh?: boolean;
  /** Installed kernels; defaults to one that fits the kind. */
  readonly kernels?: readonly string[];
  /** `proxmox-boot-tool kernel pin`. */
  readonly pin?: string;
  /** Packages; defaults to a set that fits the kind, with some updates pending. */
  readonly packages?: readonly PackageSpec[];
  /** Docker is installed, with these containers (default: it is not). */
  readonly containers?: readonly ContainerSpec[];
  /** What `df` says of `/`, `/boot` and `/boot/efi`, in bytes (default: a roomy `/` that holds everything). */
  readonly fileSystems?: Readonly<Record<string, Space>>;
  /** EFI system partitions that proxmox-boot-tool keeps, by their UUIDs; `null` for a disk that is gone. */
  readonly bootPartitions?: Readonly<Record<string, Space | null>>;
  /** The enterprise repository is configured, and with which subscription (default: it is not). */
  readonly enterprise?: 'active' | 'notfound';
  /** Milliseconds that its `date` is ahead. */
  readonly clockAheadMs?: number;
  /** Starts powered on without a boot (default true). */
  readonly on?: boolean;
}

/** Bytes. */
export interface Space {
  readonly size: number;
  readonly available: number;
}

/** Makes a machine; given by `lab/machine/`. */
export type CreateMachine = (options: MachineOptions) => Promise<Machine>;
