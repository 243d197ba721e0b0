import type { LabClock } from '../core/clock.ts';
import type { PackageSpec, PackageState } from '../core/machine.ts';
import { compareVersions } from './kernels.ts';

/** dpkg's states, as far as an upgrade passes through them. */
export type DpkgState = 'not-installed' | 'unpacked' | 'half-configured' | 'installed';

/** One package of a machine's dpkg database and what its repository has. */
export interface Package {
  readonly name: string;
  readonly section: string;
  readonly priority: string;
  readonly title: string;
  readonly origin: string;
  readonly arch: string;
  state: DpkgState;
  /** The unpacked version, configured or not. */
  installed: string | undefined;
  /** What `apt-get update` last saw. */
  candidate: string;
  /** What the repository really has. */
  published: PackageSpec;
  held: boolean;
  /** The conffile question is still to be asked. */
  conffilePending: boolean;
  failuresLeft: number;
}

export interface SavedPackages {
  readonly packages: readonly Package[];
  readonly interrupted: boolean;
  readonly refreshedAt: number;
}

export interface LockHolder {
  readonly pid: number;
  readonly command: string;
}

/** The dpkg database of a machine with its lock. */
export class PackageDatabase {
  readonly #clock: LabClock;
  readonly #packages = new Map<string, Package>();
  #holder: LockHolder | undefined;
  readonly #waiters = new Set<() => void>();
  /** A dpkg run died in the middle: `/var/lib/dpkg/updates` is not empty. */
  interrupted = false;
  /** Real milliseconds at which the lists were fetched, as `date` on the machine has them. */
  refreshedAt = Date.now();

  constructor(clock: LabClock, specs: readonly PackageSpec[]) {
    this.#clock = clock;
    for (const spec of specs) this.#packages.set(spec.name, newPackage(spec));
  }

  all(): Package[] {
    return [...this.#packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): Package | undefined {
    return this.#packages.get(name);
  }

  publish(specs: readonly PackageSpec[]): void {
    for (const spec of specs) {
      const known = this.#packages.get(spec.name);
      if (known) known.published = spec;
      else this.#packages.set(spec.name, { ...newPackage(spec), candidate: '' });
    }
  }

  /** Whether a refresh would bring something new. */
  hasNews(): boolean {
    return this.all().some((item) => item.candidate !== item.published.candidate);
  }

  /** What `apt-get update` does with the lists. */
  refresh(): void {
    this.refreshedAt = Date.now();
    for (const item of this.#packages.values()) item.candidate = item.published.candidate;
  }

  /** Newer versions and new dependencies a dist-upgrade would take, held ones included. */
  pending(): Package[] {
    return this.all().filter(isPending);
  }

  /** Left behind by a failed or interrupted run. */
  unconfigured(): Package[] {
    return this.all().filter((item) => item.state === 'unpacked' || item.state === 'half-configured');
  }

  /** What dpkg and apt have on the disk. */
  save(): SavedPackages {
    return {
      packages: this.all().map((item) => ({ ...item })),
      interrupted: this.interrupted,
      refreshedAt: this.refreshedAt,
    };
  }

  /** Puts that back; the repository has gone on meanwhile. */
  load(saved: SavedPackages): void {
    const published = this.all().map((item) => item.published);
    this.#packages.clear();
    for (const item of saved.packages) this.#packages.set(item.name, { ...item });
    this.publish(published);
    this.interrupted = saved.interrupted;
    this.refreshedAt = saved.refreshedAt;
  }

  remove(name: string): void {
    this.#packages.delete(name);
  }

  get lockHolder(): LockHolder | undefined {
    return this.#holder;
  }

  /** Takes the lock and returns how to let go of it, or undefined when somebody else has it. */
  tryLock(holder: LockHolder): (() => void) | undefined {
    if (this.#holder) return undefined;
    this.#holder = holder;
    return () => {
      if (this.#holder !== holder) return;
      this.#holder = undefined;
      for (const wake of [...this.#waiters]) wake();
    };
  }

  /** Resolves when the lock was let go of, after `ms` at the latest (forever when negative), or on abort. */
  async waitForUnlock(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = ms < 0 ? () => undefined : this.#clock.after(ms, done);
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function isPending(item: Package): boolean {
  if (item.candidate === '') return false;
  return item.installed === undefined || compareVersions(item.candidate, item.installed) > 0;
}

function newPackage(spec: PackageSpec): Package {
  return {
    name: spec.name,
    section: spec.section ?? 'admin',
    priority: spec.priority ?? 'optional',
    title: spec.title ?? spec.name,
    origin: spec.origin ?? 'Debian',
    arch: spec.arch ?? 'amd64',
    state: spec.installed === undefined ? 'not-installed' : spec.broken === true ? 'half-configured' : 'installed',
    installed: spec.installed,
    candidate: spec.candidate,
    published: spec,
    held: spec.held ?? false,
    conffilePending: false,
    failuresLeft: 0,
  };
}

export function toPackageState(item: Package): PackageState {
  const { name, installed, candidate, section, priority, title, origin, arch } = item;
  return { name, installed, candidate: candidate || (installed ?? ''), section, priority, title, origin, arch };
}
