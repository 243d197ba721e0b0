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

function proxmoxBootTool(system: System, call: CommandCall): number {
  const [verb, action, ...rest] = call.args;
  if (verb === 'status') {
    call.out(status(system));
    return 0;
  }
  if (verb === 'refresh') return refresh(system, call);
  if (verb === 'kernel' && action === 'list') {
    call.out(kernelList(system));
    return 0;
  }
  if (verb === 'kernel' && action === 'pin') return pin(system, call, rest);
  if (verb === 'kernel' && action === 'unpin') return unpin(system, call, rest);
  call.err(
    'USAGE: proxmox-boot-tool <commands> [ARGS]\n' +
      '       proxmox-boot-tool kernel <list|pin <kernel-version> [--next-boot]|unpin [--next-boot]>\n' +
      '       proxmox-boot-tool refresh\n       proxmox-boot-tool status\n',
  );
  return 1;
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

function pin(system: System, call: CommandCall, args: readonly string[]): number {
  const { kernels } = system;
  const version = args.find((arg) => !arg.startsWith('-')) ?? '';
  const nextBoot = args.includes('--next-boot');
  if (!kernels.installed.includes(version)) {
    call.err(`E: no boot image found for '${version}'\n`);
    return 1;
  }
  const file = nextBoot ? '/etc/kernel/next-boot-pin' : '/etc/kernel/proxmox-boot-pin';
  if (nextBoot) kernels.nextBootPin = version;
  else kernels.pin = version;
  call.out(`Setting '${version}' as grub default entry and running update-grub.\nPinned in ${file}.\n`);
  return refresh(system, call);
}

function unpin(system: System, call: CommandCall, args: readonly string[]): number {
  if (args.includes('--next-boot')) system.kernels.nextBootPin = undefined;
  else system.kernels.pin = undefined;
  call.out(`Removed ${args.includes('--next-boot') ? 'next-boot pin' : 'pinned kernel'}.\n`);
  return refresh(system, call);
}

function refresh(system: System, call: CommandCall): number {
  call.out('Refreshing kernels and initrds..\n');
  for (const version of system.kernels.installed) call.out(`\tCopying kernel ${version}\n`);
  return 0;
}

function status(system: System): string {
  const versions = system.kernels.installed.join(', ');
  return (
    "Re-executing '/usr/sbin/proxmox-boot-tool' in new private mount namespace..\n" +
    'System currently booted with uefi\n' +
    Object.entries(partitionsOf(system))
      .map(([uuid, space]) =>
        space
          ? `${uuid} is configured with: uefi (versions: ${versions})\n`
          : `WARN: /dev/disk/by-uuid/${uuid} does not exist - clean '/etc/kernel/proxmox-boot-uuids'! - skipping\n`,
      )
      .join('')
  );
}
