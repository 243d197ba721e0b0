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

/** Installed kernels and the choice the boot loader makes among them (proxmox-boot-tool, /etc/kernel/*-pin). */
export class Kernels {
  #installed: string[];
  #running: string;
  pin: string | undefined;
  nextBootPin: string | undefined;

  constructor(installed: readonly string[], pin?: string) {
    this.#installed = [...installed].sort(compareVersions);
    this.pin = pin;
    this.#running = this.#choose();
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

  add(version: string): void {
    if (!this.#installed.includes(version)) this.#installed = [...this.#installed, version].sort(compareVersions);
  }

  remove(version: string): void {
    this.#installed = this.#installed.filter((other) => other !== version);
  }

  /** A pin for one boot is used up by it. */
  boot(): void {
    this.#running = this.#choose();
    this.nextBootPin = undefined;
  }

  /** What `apt-get autoremove` may take: neither running, nor pinned, nor one of the two newest. */
  removable(): string[] {
    const kept = new Set([this.#running, this.pin, this.nextBootPin, ...this.#installed.slice(-2)]);
    return this.#installed.filter((version) => !kept.has(version));
  }

  #choose(): string {
    const wanted = [this.nextBootPin, this.pin].find((pin) => pin !== undefined && this.#installed.includes(pin));
    return wanted ?? this.newest;
  }
}
