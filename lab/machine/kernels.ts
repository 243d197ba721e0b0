/** Orders Debian and kernel versions well enough for the ones a lab has: by runs of digits, then by the rest. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const order = comparePart(left[index] ?? '', right[index] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string, b: string): number {
  if (/^\d/.test(a) && /^\d/.test(b)) return Number(a) - Number(b);
  // A tilde sorts before everything, even before the end (deb-version(7)).
  if (a.startsWith('~') !== b.startsWith('~')) return a.startsWith('~') ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

export interface SavedKernels {
  readonly installed: readonly string[];
  readonly default: string | undefined;
  readonly pin: string | undefined;
  readonly nextBootPin: string | undefined;
}

/**
 * Installed kernels, the pins of proxmox-boot-tool, and what the boot loader makes of them. The boot loader reads no pins:
 * it has a default of its own, which a refresh writes. The tool asks for no boot that the boot loader itself would forget, so
 * a pin for one boot is the default until the cleanup service of the system that it has booted takes it out again.
 */
export class Kernels {
  #installed: string[];
  #running: string;
  /** The entry that the boot loader starts; undefined: the newest. */
  #default: string | undefined;
  /** `/etc/kernel/proxmox-boot-pin` */
  pin: string | undefined;
  /** `/etc/kernel/next-boot-pin` */
  nextBootPin: string | undefined;

  constructor(installed: readonly string[], pin?: string) {
    this.#installed = [...installed].sort(compareVersions);
    this.pin = pin;
    this.refresh();
    this.#running = this.next;
  }

  /** Oldest first. */
  get installed(): readonly string[] {
    return this.#installed;
  }

  get running(): string {
    return this.#running;
  }

  get newest(): string {
    return this.#installed.at(-1) ?? '';
  }

  /** What the boot loader starts if nobody chooses in its menu. */
  get next(): string {
    return this.#default !== undefined && this.#installed.includes(this.#default) ? this.#default : this.newest;
  }

  /** The hook of a kernel package refreshes the boot loader, as it does after a removal. */
  add(version: string): void {
    if (!this.#installed.includes(version)) this.#installed = [...this.#installed, version].sort(compareVersions);
    this.refresh();
  }

  remove(version: string): void {
    this.#installed = this.#installed.filter((other) => other !== version);
    this.refresh();
  }

  /** Makes the pins the boot loader's default. */
  refresh(): void {
    this.#default = this.nextBootPin ?? this.pin;
  }

  /** The system is up, far enough for `proxmox-boot-cleanup.service`. */
  booted(kernel: string): void {
    this.#running = kernel;
    if (this.nextBootPin === undefined) return;
    this.nextBootPin = undefined;
    this.refresh();
  }

  /** What of it is on the disk: all but the kernel that runs. */
  save(): SavedKernels {
    return { installed: this.#installed, default: this.#default, pin: this.pin, nextBootPin: this.nextBootPin };
  }

  load(saved: SavedKernels): void {
    this.#installed = [...saved.installed];
    this.#default = saved.default;
    this.pin = saved.pin;
    this.nextBootPin = saved.nextBootPin;
  }

  /** What `apt-get autoremove` may take: neither running, nor pinned, nor one of the two newest. */
  removable(): string[] {
    const kept = new Set([this.#running, this.pin, this.nextBootPin, ...this.#installed.slice(-2)]);
    return this.#installed.filter((version) => !kept.has(version));
  }
}
