import type { MachineOptions, PackageSpec } from '../core/machine.ts';

const PROXMOX_KERNEL = '6.14.8-2-pve';
const NEXT_PROXMOX_KERNEL = '6.14.11-1-pve';
const DEBIAN_KERNEL = '6.12.38+deb13-amd64';
const NEXT_DEBIAN_KERNEL = '6.12.41+deb13-amd64';

const LIBSSL: PackageSpec = {
  name: 'libssl3t64',
  installed: '3.5.1-1',
  candidate: '3.5.1-1+deb13u1',
  section: 'libs',
  title: 'Secure Sockets Layer toolkit - shared libraries',
};

const DEBIAN: readonly PackageSpec[] = [
  {
    name: 'base-files',
    installed: '13.8',
    candidate: '13.8+deb13u1',
    priority: 'required',
    title: 'Debian base system',
  },
  {
    name: 'curl',
    installed: '8.14.1-2',
    candidate: '8.14.1-2+deb13u1',
    section: 'web',
    title: 'transfers data by URL',
  },
  LIBSSL,
  { name: 'openssl', installed: '3.5.1-1', candidate: '3.5.1-1+deb13u1', section: 'utils', title: 'TLS toolkit' },
  { name: 'tzdata', installed: '2025b-4', candidate: '2025b-4+deb13u1', section: 'localization', title: 'time zones' },
  { name: 'systemd', installed: '257.7-1', candidate: '257.7-1', priority: 'important', title: 'system manager' },
];

const VIRTUAL_MACHINE: readonly PackageSpec[] = [
  ...DEBIAN,
  {
    name: `linux-image-${DEBIAN_KERNEL}`,
    installed: '6.12.38-1',
    candidate: '6.12.38-1',
    section: 'kernel',
    title: 'Linux for 64-bit PCs',
    kernel: DEBIAN_KERNEL,
  },
  {
    name: `linux-image-${NEXT_DEBIAN_KERNEL}`,
    candidate: '6.12.41-1',
    section: 'kernel',
    title: 'Linux for 64-bit PCs',
    kernel: NEXT_DEBIAN_KERNEL,
    postinst: { ms: 15_000 },
  },
  {
    name: 'linux-image-amd64',
    installed: '6.12.38-1',
    candidate: '6.12.41-1',
    section: 'kernel',
    title: 'Linux for 64-bit PCs (meta package)',
    depends: [`linux-image-${NEXT_DEBIAN_KERNEL}`],
  },
];

const PROXMOX: readonly PackageSpec[] = [
  ...DEBIAN,
  proxmox('proxmox-ve', '9.0.0', '9.0.0', 'Proxmox Virtual Environment', 'all'),
  proxmox('pve-manager', '9.0.3', '9.0.10', 'Proxmox VE Management Tools', 'all'),
  proxmox('qemu-server', '9.0.18', '9.0.22', 'QEMU Server Tools'),
  proxmox('pve-qemu-kvm', '10.0.2-4', '10.0.2-4', 'Full virtualization on x86 hardware'),
  proxmox('pve-container', '6.0.9', '6.0.13', 'Proxmox VE Container management tool', 'all'),
  proxmox('pve-ha-manager', '5.0.4', '5.0.4', 'Proxmox VE HA Manager'),
  proxmox('pve-cluster', '9.0.6', '9.0.6', 'pmxcfs distributed cluster filesystem'),
  proxmox('libpve-storage-perl', '9.0.13', '9.0.13', 'Proxmox VE storage management library', 'all'),
  { ...proxmox('pve-firewall', '6.0.3', '6.0.3', 'Proxmox VE Firewall') },
  proxmox('proxmox-backup-client', '4.0.11-1', '4.0.14-1', 'Proxmox Backup Client tools'),
  { ...proxmox('corosync', '3.1.9-pve2', '3.1.9-pve2', 'cluster engine daemon and utilities') },
  kernelPackage(PROXMOX_KERNEL, '6.14.8-2', true),
  kernelPackage(NEXT_PROXMOX_KERNEL, '6.14.11-1', false),
  {
    ...proxmox('proxmox-kernel-6.14', '6.14.8-2', '6.14.11-1', 'Latest Proxmox Kernel Image', 'all'),
    section: 'kernel',
    depends: [`proxmox-kernel-${NEXT_PROXMOX_KERNEL}-signed`],
  },
];

function proxmox(name: string, installed: string, candidate: string, title: string, arch = 'amd64'): PackageSpec {
  return { name, installed, candidate, title, arch, origin: 'Proxmox' };
}

function kernelPackage(kernel: string, version: string, installed: boolean): PackageSpec {
  return {
    name: `proxmox-kernel-${kernel}-signed`,
    ...(installed ? { installed: version } : {}),
    candidate: version,
    section: 'kernel',
    title: 'Proxmox Kernel Image (signed)',
    origin: 'Proxmox',
    kernel,
    postinst: { ms: 20_000 },
  };
}

/** What a machine of the kind has when its options do not say: a current release with some updates pending. */
export function defaultPackages(kind: MachineOptions['kind']): readonly PackageSpec[] {
  return { proxmox: PROXMOX, debian: VIRTUAL_MACHINE, container: DEBIAN }[kind];
}

export function defaultKernels(kind: MachineOptions['kind'], packages: readonly PackageSpec[]): readonly string[] {
  if (kind === 'container') return [];
  const installed = packages.flatMap((spec) => (spec.kernel && spec.installed ? [spec.kernel] : []));
  if (installed.length > 0) return installed;
  return [kind === 'proxmox' ? PROXMOX_KERNEL : DEBIAN_KERNEL];
}

/** An installed kernel has a package: those the list does not name are added to it. */
export function withKernelPackages(
  kind: MachineOptions['kind'],
  kernels: readonly string[],
  packages: readonly PackageSpec[],
): readonly PackageSpec[] {
  const known = new Set(packages.flatMap((spec) => (spec.kernel ? [spec.kernel] : [])));
  const missing = kernels.filter((kernel) => !known.has(kernel));
  return [...packages, ...missing.map((kernel) => kernelPackageOf(kind, kernel))];
}

function kernelPackageOf(kind: MachineOptions['kind'], kernel: string): PackageSpec {
  if (kind === 'proxmox') return kernelPackage(kernel, kernel.replace(/-pve$/, ''), true);
  const version = kernel.replace(/[+-].*$/, '-1');
  const name = `linux-image-${kernel}`;
  return { name, installed: version, candidate: version, section: 'kernel', title: 'Linux for 64-bit PCs', kernel };
}

/** `/etc/os-release`: a Proxmox node says Debian as well. */
export const OS_RELEASE = `PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
VERSION_CODENAME=trixie
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
`;

/** Services a machine of the kind runs from boot on. */
export function defaultServices(kind: MachineOptions['kind']): readonly string[] {
  const common = ['ssh', 'cron', 'systemd-journald'];
  if (kind !== 'proxmox') return common;
  const cluster = ['pve-cluster', 'corosync', 'pve-ha-crm', 'pve-ha-lrm', 'pve-firewall', 'watchdog-mux'];
  return [...common, ...cluster, 'pvedaemon', 'pveproxy', 'pvestatd', 'pvescheduler', 'lxcfs'];
}

/**
 * Real programs a machine may use. Names not on the list are "not found" even when this computer has them, so that a
 * line meant for a machine (`docker …`, `qm …`) never acts on the computer the lab runs on.
 */
export const REAL_PROGRAMS: readonly string[] = `
  sh bash dash env true false test [ echo printf sleep timeout nohup setsid kill nice flock xargs tee
  ls mkdir rmdir mv cp rm ln touch chmod chown stat mktemp mkfifo dd sync truncate readlink realpath basename dirname
  cat head tail wc sort uniq cut tr sed grep egrep fgrep awk gawk mawk diff cmp comm paste fold od xxd hexdump split tac
  find date ps pgrep seq expr base64 md5sum sha1sum sha256sum sha512sum cksum shasum gzip gunzip zcat tar yes
  stdbuf which getconf nproc tty locale perl
`
  .trim()
  .split(/\s+/);
