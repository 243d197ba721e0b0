import type { LabContext } from '../core/context.ts';
import type { CreateMachine, DiskCopy, Machine } from '../core/machine.ts';
import type { DiskSpec, GuestSpec } from '../site.ts';
import { GuestAgent } from './agent.ts';
import { dieError } from './errors.ts';
import type { Task } from './tasks.ts';

/** Virtual milliseconds of a guest's own boot and shutdown. */
const TIMES = {
  lxc: { bootMs: 4_000, shutdownMs: 3_000 },
  qemu: { bootMs: 20_000, shutdownMs: 10_000 },
} as const;

/** Reasons a guest's configuration is locked (`lock:` in its file). */
export type GuestLock = 'backup' | 'migrate' | 'rollback' | 'snapshot' | 'snapshot-delete' | 'suspended';

/** A section of the guest's configuration file; times in virtual milliseconds. */
export interface GuestSnapshot {
  readonly name: string;
  description: string;
  readonly takenAt: number;
  parent: string | undefined;
  /** `snapstate`: what is being done to it, or what was broken off. */
  state: 'prepare' | 'delete' | undefined;
  disks: DiskCopy | undefined;
}

/** A container or virtual machine: its configuration (in pmxcfs, under one node) and its running machine. */
export class Guest {
  readonly spec: GuestSpec;
  readonly machine: Machine;
  readonly agent: GuestAgent;
  /** Node whose folder in pmxcfs holds the configuration. */
  node: string;
  lock: GuestLock | undefined;
  readonly snapshots = new Map<string, GuestSnapshot>();
  /** The snapshot that its disks go back to (`parent:` in its file). */
  parent: string | undefined;
  /** Virtual time of the last start, milliseconds. */
  startedAt: number;

  constructor(spec: GuestSpec, machine: Machine, startedAt: number) {
    this.spec = spec;
    this.machine = machine;
    this.agent = new GuestAgent(this);
    this.node = spec.node;
    this.startedAt = startedAt;
  }

  get vmid(): number {
    return this.spec.vmid;
  }

  /** `lxc/192` */
  get id(): string {
    return `${this.spec.kind}/${this.spec.vmid}`;
  }

  /** Name in the HA manager: `ct:192`, `vm:210`. */
  get sid(): string {
    return `${this.spec.kind === 'lxc' ? 'ct' : 'vm'}:${this.spec.vmid}`;
  }

  /** Prefix of its worker types: `vzstart`, `qmstart`. */
  get worker(): 'vz' | 'qm' {
    return this.spec.kind === 'lxc' ? 'vz' : 'qm';
  }

  /** What Proxmox calls `running`: the process exists, whatever goes on inside. */
  get running(): boolean {
    return this.machine.power !== 'off';
  }

  get noun(): 'CT' | 'VM' {
    return this.spec.kind === 'lxc' ? 'CT' : 'VM';
  }

  localDisks(isShared: (storage: string) => boolean): DiskSpec[] {
    return this.spec.disks.filter((disk) => !isShared(disk.storage));
  }

  /** `local-zfs:vm-210-disk-0` */
  volumeId(index: number): string {
    const prefix = this.spec.kind === 'lxc' ? 'subvol' : 'vm';
    return `${this.spec.disks[index]?.storage}:${prefix}-${this.vmid}-disk-${index}`;
  }

  /** Passed-through devices by config key, split by whether a cluster-wide mapping stands behind them. */
  devices(): { local: string[]; mapped: string[] } {
    const entries = Object.entries(this.spec.devices ?? {});
    const isMapped = (value: string) => value.includes('mapping=');
    return {
      local: entries.filter(([, value]) => !isMapped(value)).map(([key]) => key),
      mapped: entries.filter(([, value]) => isMapped(value)).map(([key]) => key),
    };
  }

  /** Bind mounts that exist on this node alone. */
  localBindMounts(): string[] {
    return Object.entries(this.spec.bindMounts ?? {})
      .filter(([, value]) => !value.split(',').includes('shared=1'))
      .map(([key]) => key);
  }

  assertUnlocked(): void {
    if (this.lock) throw dieError(`${this.noun} is locked (${this.lock})`);
  }
}

/** Creates the guest with its machine and tells the event log whenever it goes up or down. */
export async function createGuest(
  context: LabContext,
  spec: GuestSpec,
  createMachine: CreateMachine,
  host: (guest: Guest) => Machine | undefined,
): Promise<Guest> {
  const known: { guest?: Guest } = {};
  const hostOf = () => known.guest && host(known.guest);
  const machine = await createMachine({
    id: `${spec.kind}/${spec.vmid}`,
    hostname: spec.name,
    kind: spec.kind === 'lxc' ? 'container' : 'debian',
    ...TIMES[spec.kind],
    on: spec.running && !spec.template,
    ssh: !spec.template && spec.sshd !== false,
    ...(spec.packages === undefined ? {} : { packages: spec.packages }),
    ...(spec.containers === undefined ? {} : { containers: spec.containers }),
    ...(spec.kind === 'lxc'
      ? { hostKernel: () => hostOf()?.runningKernel ?? '', hostBootId: () => hostOf()?.bootId ?? '' }
      : {}),
  });
  const made = new Guest(spec, machine, context.clock.now());
  known.guest = made;
  let wasUp = machine.power === 'on';
  machine.onPower((power) => {
    if (wasUp && power !== 'on') context.log.record('lab', 'guest.stop', made.id, { node: made.node });
    wasUp = power === 'on';
    if (power === 'booting') {
      made.startedAt = context.clock.now();
      context.log.record('lab', 'guest.start', made.id, { node: made.node });
    }
    if (power === 'on') context.log.record('lab', 'guest.up', made.id, { node: made.node });
  });
  return made;
}

/** Powers a guest on; a running one is left alone, as `qm start` of Proxmox reports it. */
export function startGuest(guest: Guest): void {
  guest.assertUnlocked();
  if (guest.running) throw dieError(`${guest.noun} ${guest.vmid} already running`);
  guest.machine.powerOn();
}

/** Cuts a guest's power (`qm stop`, `pct stop`). */
export function stopGuest(guest: Guest, actor: string): void {
  if (guest.running) guest.machine.powerCut(`stopped by ${actor}`);
}

/** How a guest is asked to shut down. */
export interface ShutdownOptions {
  /** Virtual seconds before giving up. */
  readonly timeout: number;
  readonly forceStop: boolean;
}

/** Asks a guest to shut down and waits until it has; past the timeout it is cut off or the task fails. */
export async function shutdownGuest(
  context: LabContext,
  guest: Guest,
  task: Task,
  options: ShutdownOptions,
): Promise<void> {
  if (!guest.running) return;
  const gaveUp = context.clock.sleep(options.timeout * 1000, task.signal).then(() => 'timeout' as const);
  const off = guest.spec.ignoresShutdown
    ? new Promise<never>(() => undefined)
    : guest.machine.shutdown({ reboot: false, actor: `api:${task.user}` }).then(() => 'off' as const);
  gaveUp.catch(() => undefined);
  const outcome = await Promise.race([off, gaveUp]);
  if (outcome === 'off') return;
  if (!options.forceStop) {
    throw new Error(
      guest.spec.kind === 'lxc'
        ? `command 'lxc-stop -n ${guest.vmid}' failed: exit code 1`
        : 'VM quit/powerdown failed - got timeout',
    );
  }
  task.log(`${guest.noun} ${guest.vmid} still running - terminating now with SIGTERM`);
  guest.machine.powerCut('forced stop');
}
