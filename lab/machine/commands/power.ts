import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';

/** reboot(8), poweroff(8), halt(8) and shutdown(8). */
export function powerCommands(system: System): Readonly<Record<string, LabCommand>> {
  return {
    reboot: (call) => now(system, call, true, 'reboot'),
    poweroff: (call) => now(system, call, false, 'poweroff'),
    halt: (call) => now(system, call, false, 'halt'),
    shutdown: (call) => shutdown(system, call),
  };
}

function now(system: System, call: CommandCall, reboot: boolean, name: string): Promise<number> {
  const command = [name, ...call.args].join(' ');
  system.requestShutdown({ reboot, actor: call.actor, command });
  return Promise.resolve(0);
}

function shutdown(system: System, call: CommandCall): Promise<number> {
  const reboot = call.args.some((arg) => arg === '-r' || arg === '--reboot');
  const time = call.args.find((arg) => !arg.startsWith('-')) ?? '+1';
  if (time !== 'now' && !/^\+\d+$/.test(time)) {
    call.err(`Failed to parse time specification: ${time}\n`);
    return Promise.resolve(1);
  }
  const minutes = time === 'now' ? 0 : Number(time.slice(1));
  if (minutes === 0) return now(system, call, reboot, 'shutdown');
  const at = new Date(system.context.clock.now() + minutes * 60_000).toUTCString();
  call.err(`${reboot ? 'Reboot' : 'Shutdown'} scheduled for ${at}, use 'shutdown -c' to cancel.\n`);
  const { bootId } = system;
  system.context.clock.after(minutes * 60_000, () => {
    if (system.bootId === bootId) void now(system, call, reboot, 'shutdown');
  });
  return Promise.resolve(0);
}
