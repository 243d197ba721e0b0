import { readFileSync, statSync } from 'node:fs';
import type { CommandCall, LabCommand } from '../../core/machine.ts';
import { OS_RELEASE } from '../catalog.ts';
import type { System } from '../system.ts';
import { uuidsOf } from './disks.ts';

/** Programs that tell what the machine is. */
export function systemCommands(system: System): Readonly<Record<string, LabCommand>> {
  return {
    cat: (call) => Promise.resolve(cat(system, call)),
    stat: (call) => Promise.resolve(stat(system, call)),
    uname: (call) => Promise.resolve(uname(system, call)),
    hostname: (call) => print(call, system.hostname),
    uptime: (call) => print(call, uptime(system, call.args)),
    whoami: (call) => print(call, 'root'),
    // Everything on a machine runs as its root, whoever the lab runs as.
    id: (call) => print(call, id(call.args)),
  };
}

function print(call: CommandCall, line: string): Promise<number> {
  call.out(`${line}\n`);
  return Promise.resolve(0);
}

function cat(system: System, call: CommandCall): number {
  let code = 0;
  for (const path of call.args.filter((arg) => !arg.startsWith('-'))) {
    const text = readSystemFile(system, path);
    if (text !== undefined) {
      call.out(text);
      continue;
    }
    call.err(`cat: ${path}: No such file or directory\n`);
    code = 1;
  }
  return code;
}

/** The text of a file as the machine sees it; its own folder is read for real. */
function readSystemFile(system: System, path: string): string | undefined {
  if (path.startsWith(`${system.shell.rootDirectory}/`)) return readReal(path);
  const { kernels } = system;
  const uptimeSeconds = (system.context.clock.now() - system.bootedAt) / 1000;
  switch (path) {
    case '/proc/sys/kernel/random/boot_id':
      return `${system.bootId}\n`;
    case '/proc/1/stat':
      return statOfInit(system);
    case '/proc/sys/kernel/osrelease':
      return `${system.runningKernel}\n`;
    case '/proc/uptime':
      return `${uptimeSeconds.toFixed(2)} ${(uptimeSeconds * 3).toFixed(2)}\n`;
    case '/proc/sys/kernel/hostname':
    case '/etc/hostname':
      return `${system.hostname}\n`;
    case '/etc/os-release':
      return OS_RELEASE;
    case '/etc/debian_version':
      return '13.1\n';
    case '/etc/kernel/proxmox-boot-pin':
      return kernels.pin === undefined ? undefined : `${kernels.pin}\n`;
    case '/etc/kernel/proxmox-boot-uuids':
      return system.options.kind === 'proxmox' ? uuidsOf(system) || undefined : undefined;
    case '/etc/kernel/next-boot-pin':
      return kernels.nextBootPin === undefined ? undefined : `${kernels.nextBootPin}\n`;
    case '/run/reboot-required':
    case '/var/run/reboot-required':
      return rebootAskedBy(system).length > 0 ? '*** System restart required ***\n' : undefined;
    case '/run/reboot-required.pkgs':
    case '/var/run/reboot-required.pkgs':
      return (
        rebootAskedBy(system)
          .map((name) => `${name}\n`)
          .join('') || undefined
      );
    // systemd's word for the manager that it runs under.
    case '/run/systemd/container':
      return system.options.kind === 'container' ? 'lxc\n' : undefined;
    default:
      return undefined;
  }
}

/**
 * proc_pid_stat(5) of the init, whose 22nd field is the time that it was started at, in hundredths of a second since the
 * kernel's boot. A container has the boot id of its node: only this field tells one boot of it from the other.
 */
function statOfInit(system: System): string {
  const inherited = '1 (systemd) S 0 1 1 0 -1 4194560 2834 16035 19 60 5 10 20 15 30 10 1 0';
  return `${inherited} ${Math.round(system.bootedAt / 10)} 104099840 2874\n`;
}

/** stat(1) for the time of a change: that of apt's lists, which stock Debian keeps no stamp of, or of the machine's own files. */
function stat(system: System, call: CommandCall): number {
  const [option, format, ...paths] = call.args;
  if (option !== '-c' || format !== '%Y') {
    call.err('stat: this machine knows -c %Y only\n');
    return 1;
  }
  let code = 0;
  for (const path of paths) {
    const changed = path === '/var/lib/apt/lists' ? system.database.refreshedAt : changedAt(system, path);
    if (changed === undefined) {
      call.err(`stat: cannot statx '${path}': No such file or directory\n`);
      code = 1;
    } else call.out(`${Math.floor(changed / 1_000)}\n`);
  }
  return code;
}

function changedAt(system: System, path: string): number | undefined {
  if (!path.startsWith(`${system.shell.rootDirectory}/`)) return undefined;
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** Debian's hooks write the file; a Proxmox node has none of them, so its absence there means nothing. */
function rebootAskedBy({ options, kernels, rebootAsked }: System): string[] {
  if (options.kind === 'proxmox') return [];
  const kernel = options.kind === 'debian' && kernels.newest !== kernels.running;
  return [...rebootAsked, ...(kernel ? [`linux-image-${kernels.newest}`] : [])];
}

function readReal(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function uname(system: System, call: CommandCall): number {
  const version = '#1 SMP PREEMPT_DYNAMIC';
  const parts: Readonly<Record<string, string>> = {
    s: 'Linux',
    n: system.hostname,
    r: system.runningKernel,
    v: version,
    m: 'x86_64',
    o: 'GNU/Linux',
  };
  const letters = call.args.length === 0 ? 's' : call.args.map((arg) => LONG[arg] ?? arg.slice(1)).join('');
  const wanted = letters.includes('a') ? 'snrvmo' : letters;
  const unknown = [...wanted].find((letter) => !(letter in parts));
  if (unknown !== undefined) {
    call.err(`uname: invalid option -- '${unknown}'\nTry 'uname --help' for more information.\n`);
    return 1;
  }
  const printed = [...'snrvmo'].filter((letter) => wanted.includes(letter));
  call.out(`${printed.map((letter) => parts[letter]).join(' ')}\n`);
  return 0;
}

const LONG: Readonly<Record<string, string>> = {
  '--all': 'a',
  '--kernel-name': 's',
  '--nodename': 'n',
  '--kernel-release': 'r',
  '--kernel-version': 'v',
  '--machine': 'm',
  '--operating-system': 'o',
};

function uptime(system: System, args: readonly string[]): string {
  if (args.includes('-s') || args.includes('--since')) return timestamp(system.bootedAt);
  const minutes = Math.floor((system.context.clock.now() - system.bootedAt) / 60_000);
  const days = Math.floor(minutes / 1440);
  const clock = `${Math.floor((minutes % 1440) / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  const up = days > 0 ? `${days} days, ${clock}` : clock;
  return ` ${timestamp(system.context.clock.now()).slice(11)} up ${up},  0 users,  load average: 0.00, 0.00, 0.00`;
}

/** `2026-01-04 03:00:00`, UTC: the lab's machines have no time zone. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function id(args: readonly string[]): string {
  if (args.length === 0) return 'uid=0(root) gid=0(root) groups=0(root)';
  return args.some((arg) => arg.includes('n')) ? 'root' : '0';
}
