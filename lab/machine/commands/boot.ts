import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';
import { partitionsOf } from './disks.ts';

/** Programs about kernels: proxmox-boot-tool(8) on Proxmox nodes and needrestart(1). */
export function bootCommands(system: System): Readonly<Record<string, LabCommand>> {
  const needrestartCommand: LabCommand = (call) => Promise.resolve(needrestart(system, call));
  if (system.options.kind !== 'proxmox') return { needrestart: needrestartCommand };
  return {
    needrestart: needrestartCommand,
    'proxmox-boot-tool': (call) => Promise.resolve(proxmoxBootTool(system, call)),
  };
}

/** Batch mode as in needrestart's README.batch.md; it knows the newest kernel on /boot, not the pins. */
function needrestart(system: System, call: CommandCall): number {
  const { running, newest } = system.kernels;
  if (!call.args.some((arg) => /^-\w*b/.test(arg))) {
    call.out(running === newest ? 'Running kernel seems to be up-to-date.\n' : 'Pending kernel upgrade!\n');
    return 0;
  }
  const state = running === newest ? 1 : 3;
  call.out(
    [
      'NEEDRESTART-VER: 3.11',
      `NEEDRESTART-KCUR: ${running}`,
      `NEEDRESTART-KEXP: ${newest}`,
      `NEEDRESTART-KSTA: ${state}`,
      '',
    ].join('\n'),
  );
  return 0;
}

/** Words and exit codes of proxmox-kernel-helper 8.1 and 9.0. */
function proxmoxBootTool(system: System, call: CommandCall): number {
  const [verb, action, ...rest] = call.args;
  if (verb === 'status') return status(system, call);
  if (verb === 'refresh') return refresh(system, call);
  if (verb === 'kernel' && action === 'list') {
    call.out(kernelList(system));
    return 0;
  }
  const [version, option = ''] = rest;
  if (verb === 'kernel' && action === 'pin' && isNextBootOrNothing(option) && rest.length <= 2) {
    return pin(system, call, version ?? '', option !== '');
  }
  if (verb === 'kernel' && action === 'unpin' && isNextBootOrNothing(rest[0] ?? '') && rest.length <= 1) {
    return unpin(system, call, rest.length === 1);
  }
  call.err(
    'USAGE: proxmox-boot-tool <commands> [ARGS]\n' +
      '       proxmox-boot-tool kernel <list|pin <kernel-version> [--next-boot]|unpin [--next-boot]>\n' +
      '       proxmox-boot-tool refresh\n       proxmox-boot-tool status\n',
  );
  return 1;
}

function isNextBootOrNothing(option: string): boolean {
  return option === '' || option === '--next-boot';
}

function kernelList({ kernels }: System): string {
  const blocks = [
    ['Manually selected kernels:', 'None.'],
    ['Automatically selected kernels:', ...kernels.installed],
    ...(kernels.pin === undefined ? [] : [['Pinned kernel:', kernels.pin]]),
    ...(kernels.nextBootPin === undefined ? [] : [['Kernel pinned on next-boot:', kernels.nextBootPin]]),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Where GRUB boots without partitions of proxmox-boot-tool, a pin counts at once; else only after `refresh`. */
function pin(system: System, call: CommandCall, version: string, nextBoot: boolean): number {
  const { kernels } = system;
  if (!kernels.installed.includes(version)) {
    const possible = kernels.installed.join('\n');
    const trouble =
      version === ''
        ? '<kernel-version> is mandatory'
        : `no kernel image found in /boot for '${version}', not setting default.`;
    call.err(`E: ${trouble}\n\nPossible Proxmox kernel versions are:\n${possible}\n`);
    return 1;
  }
  const before = nextBoot ? kernels.nextBootPin : kernels.pin;
  if (before !== undefined && before !== version) {
    call.out(`Overriding previously pinned version '${before}' with '${version}'\n`);
  }
  if (nextBoot) kernels.nextBootPin = version;
  else kernels.pin = version;
  if (hasPartitions(system)) {
    const file = nextBoot ? NEXT_BOOT_PIN : PIN;
    call.out(`Set kernel '${version}' in ${file}. Use the 'refresh' command to update the ESPs.\n`);
  } else {
    kernels.refresh();
    call.out(`Setting '${kernels.next}' as grub default entry and running update-grub.\n`);
  }
  if (nextBoot) call.out('Pinned for next boot only.\n');
  return 0;
}

/** Without `--next-boot` both pins go; that there is none is no error. */
function unpin(system: System, call: CommandCall, onlyNextBoot: boolean): number {
  const { kernels } = system;
  const last = onlyNextBoot ? kernels.nextBootPin : (kernels.pin ?? kernels.nextBootPin);
  kernels.nextBootPin = undefined;
  call.out(`Removed ${NEXT_BOOT_PIN}.\n`);
  if (!onlyNextBoot) {
    kernels.pin = undefined;
    call.out(`Removed ${PIN}.\n`);
  }
  if (!hasPartitions(system)) {
    kernels.refresh();
    call.out('Reset default grub entry and running update-grub.\n');
  } else if (last !== undefined) {
    call.out(`Unpinned kernel '${last}'. Use the 'refresh' command to update the ESPs.\n`);
  }
  return 0;
}

const PIN = '/etc/kernel/proxmox-boot-pin';
const NEXT_BOOT_PIN = '/etc/kernel/next-boot-pin';

function hasPartitions(system: System): boolean {
  return Object.keys(partitionsOf(system)).length > 0;
}

/** Partitions that are not there are passed over with a word and exit code 0. */
function refresh(system: System, call: CommandCall): number {
  const hook = '/etc/kernel/postinst.d/zz-proxmox-boot';
  call.out("Running hook script 'proxmox-auto-removal'..\nRunning hook script 'zz-proxmox-boot'..\n");
  call.out(`Re-executing '${hook}' in new private mount namespace..\n`);
  if (!hasPartitions(system)) {
    call.err('No /etc/kernel/proxmox-boot-uuids found, skipping ESP sync.\n');
    return 0;
  }
  for (const [uuid, space] of Object.entries(partitionsOf(system))) {
    if (!space) {
      call.err(missing(uuid));
      continue;
    }
    call.err(`Copying and configuring kernels on /dev/disk/by-uuid/${uuid}\n`);
    for (const version of system.kernels.installed)
      call.err(`\tCopying kernel and creating boot-entry for ${version}\n`);
    system.kernels.refresh();
  }
  return 0;
}

function status(system: System, call: CommandCall): number {
  const versions = system.kernels.installed.join(', ');
  call.out("Re-executing '/usr/sbin/proxmox-boot-tool' in new private mount namespace..\n");
  if (!hasPartitions(system)) {
    call.err('E: /etc/kernel/proxmox-boot-uuids does not exist.\n');
    return 2;
  }
  call.out('System currently booted with uefi\n');
  for (const [uuid, space] of Object.entries(partitionsOf(system))) {
    if (space) call.out(`${uuid} is configured with: uefi (versions: ${versions})\n`);
    else call.err(missing(uuid));
  }
  return 0;
}

function missing(uuid: string): string {
  return `WARN: /dev/disk/by-uuid/${uuid} does not exist - clean '/etc/kernel/proxmox-boot-uuids'! - skipping\n`;
}
