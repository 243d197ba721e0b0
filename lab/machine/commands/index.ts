import type { LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';
import { aptCommands } from './apt.ts';
import { bootCommands } from './boot.ts';
import { dateCommand } from './date.ts';
import { diskCommands } from './disks.ts';
import { dockerCommand } from './docker.ts';
import { dpkgCommands } from './dpkg.ts';
import { powerCommands } from './power.ts';
import { systemCommands } from './system.ts';
import { systemctlCommand } from './systemctl.ts';
import { systemdRunCommand } from './systemd-run.ts';
import { journalctlCommand } from './journalctl.ts';

/** The programs of the distribution, as far as the lab has them. */
export function builtinCommands(system: System): Readonly<Record<string, LabCommand>> {
  const systemd = system.options.systemd ?? system.options.kind !== 'container';
  return {
    ...systemCommands(system),
    ...powerCommands(system),
    ...aptCommands(system),
    ...dpkgCommands(system),
    ...(system.options.kind === 'container' ? {} : bootCommands(system)),
    ...(system.options.kind === 'proxmox' ? diskCommands(system) : {}),
    ...(system.containers === undefined ? {} : { docker: dockerCommand(system, system.containers) }),
    ...(system.options.clockAheadMs === undefined ? {} : { date: dateCommand(system.options.clockAheadMs) }),
    ...(systemd
      ? {
          systemctl: systemctlCommand(system),
          'systemd-run': systemdRunCommand(system),
          journalctl: journalctlCommand(system),
        }
      : {}),
  };
}
