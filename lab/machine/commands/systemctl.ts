import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';
import type { Unit } from '../units.ts';
import { fullName } from '../units.ts';
import { parseArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';

const RULES = {
  values: {
    '-p': '--property',
    '-P': '--value-of',
    '-s': '--signal',
    '-n': '--lines',
    '-t': '--type',
    '-o': '--output',
  },
  valued: ['--property', '--signal', '--lines', '--type', '--state', '--kill-whom', '--output'],
};

type Verb = (system: System, call: CommandCall, args: Arguments) => number | Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = {
  'is-active': isActive,
  'is-failed': isFailed,
  'is-system-running': isSystemRunning,
  show,
  status,
  stop,
  start,
  restart,
  kill,
  'reset-failed': resetFailed,
  'list-units': listUnits,
  'daemon-reload': () => 0,
  reboot: (system, call) => power(system, call, true),
  poweroff: (system, call) => power(system, call, false),
  halt: (system, call) => power(system, call, false),
};

/** systemctl(1). Exit codes as in its manual's "Exit status". */
export function systemctlCommand(system: System): LabCommand {
  return async (call) => {
    const parsed = parseArguments(call.args, RULES);
    const [verb = 'list-units', ...operands] = parsed.operands;
    const run = VERBS[verb];
    if (!run) {
      call.err(`Unknown command verb '${verb}'.\n`);
      return 1;
    }
    return run(system, call, { ...parsed, operands });
  };
}

function power(system: System, call: CommandCall, reboot: boolean): number {
  const command = `systemctl ${call.args.join(' ')}`;
  system.requestShutdown({ reboot, actor: call.actor, command });
  return 0;
}

function isActive(system: System, call: CommandCall, args: Arguments): number {
  const units = args.operands.map((name) => system.units.get(name));
  if (!args.has('--quiet', '-q')) for (const unit of units) call.out(`${unit?.state ?? 'inactive'}\n`);
  if (units.some((unit) => unit?.state === 'active')) return 0;
  return units.every((unit) => unit === undefined) ? 4 : 3;
}

function isFailed(system: System, call: CommandCall, args: Arguments): number {
  const units = args.operands.map((name) => system.units.get(name));
  if (!args.has('--quiet', '-q')) for (const unit of units) call.out(`${unit?.state ?? 'inactive'}\n`);
  return units.some((unit) => unit?.state === 'failed') ? 0 : 1;
}

function isSystemRunning(system: System, call: CommandCall): number {
  const degraded = system.units.list().some((unit) => unit.state === 'failed');
  const state = system.power === 'shutting-down' ? 'stopping' : degraded ? 'degraded' : 'running';
  call.out(`${state}\n`);
  return state === 'running' ? 0 : 1;
}

function show(system: System, call: CommandCall, args: Arguments): number {
  const only = [...args.values('--property'), ...args.values('--value-of')].flatMap((names) => names.split(','));
  const bare = args.has('--value', '--value-of');
  const names = args.operands.length === 0 ? [''] : args.operands;
  const blocks = names.map((name) => {
    const properties = unitProperties(name, name === '' ? undefined : system.units.get(name));
    const shown = only.length > 0 ? properties.filter(([key]) => only.includes(key)) : properties;
    return shown.map(([key, value]) => (bare ? `${value}\n` : `${key}=${value}\n`)).join('');
  });
  call.out(blocks.join('\n'));
  return 0;
}

/** In systemctl's own order; a unit that is not loaded has properties too, which is how a script tells. */
function unitProperties(name: string, unit: Unit | undefined): [string, string][] {
  const pid = String(unit?.mainPid ?? 0);
  return [
    ['Type', 'simple'],
    ['MainPID', pid],
    ['Result', unit?.result ?? 'success'],
    ['ExecMainPID', pid],
    ['ExecMainCode', String(unit?.exitCode ?? 0)],
    ['ExecMainStatus', String(unit?.exitStatus ?? 0)],
    ['Id', unit?.name ?? (name === '' ? '' : fullName(name))],
    ['Description', unit?.description ?? (name === '' ? '' : fullName(name))],
    ['LoadState', unit ? 'loaded' : 'not-found'],
    ['ActiveState', unit?.state ?? 'inactive'],
    ['SubState', unit ? subState(unit) : 'dead'],
    ['FragmentPath', unit ? fragmentPath(unit) : ''],
    ['UnitFileState', unit ? (unit.transient ? 'transient' : 'enabled') : ''],
    ['StateChangeTimestamp', unit ? timestamp(unit.changedAt) : ''],
    ['ActiveEnterTimestamp', unit ? timestamp(unit.activeSince) : ''],
    ['Transient', unit?.transient ? 'yes' : 'no'],
    ['InvocationID', unit?.invocationId ?? ''],
    ['NeedDaemonReload', 'no'],
  ];
}

function subState(unit: Unit): string {
  switch (unit.state) {
    case 'active':
      return unit.exitCode === 0 ? 'running' : 'exited';
    case 'deactivating':
      return 'stop-sigterm';
    case 'inactive':
      return 'dead';
    case 'failed':
      return 'failed';
  }
}

function fragmentPath(unit: Unit): string {
  return unit.transient ? `/run/systemd/transient/${unit.name}` : `/usr/lib/systemd/system/${unit.name}`;
}

/** `Sun 2026-01-04 03:00:00 UTC` */
function timestamp(ms: number): string {
  const date = new Date(ms);
  return `${date.toUTCString().slice(0, 3)} ${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function status(system: System, call: CommandCall, args: Arguments): number {
  let code = 0;
  for (const name of args.operands) {
    const unit = system.units.get(name);
    if (!unit) {
      call.err(`Unit ${fullName(name)} could not be found.\n`);
      code = 4;
      continue;
    }
    call.out(statusText(system, unit));
    if (unit.state !== 'active') code = 3;
  }
  return code;
}

function statusText(system: System, unit: Unit): string {
  const reason = unit.state === 'failed' ? ` (Result: ${unit.result})` : ` (${subState(unit)})`;
  const lines = [
    `${unit.state === 'failed' ? '×' : '●'} ${unit.name} - ${unit.description}`,
    `     Loaded: loaded (${fragmentPath(unit)}; ${unit.transient ? 'transient' : 'enabled'})`,
    `     Active: ${unit.state}${reason} since ${timestamp(unit.changedAt)}`,
    ...(unit.mainPid > 0 ? [`   Main PID: ${unit.mainPid}`] : []),
    '',
    ...system.units
      .journal(unit.name)
      .slice(-10)
      .map((line) => line.text),
  ];
  return `${lines.join('\n')}\n`;
}

async function stop(system: System, call: CommandCall, args: Arguments): Promise<number> {
  let code = 0;
  for (const name of args.operands) {
    if (!system.units.get(name)) {
      call.err(`Failed to stop ${fullName(name)}: Unit ${fullName(name)} not loaded.\n`);
      code = 5;
      continue;
    }
    const stopped = system.units.stop(name);
    if (!args.has('--no-block')) await stopped;
  }
  return code;
}

function start(system: System, call: CommandCall, args: Arguments): number {
  let code = 0;
  for (const name of args.operands) {
    if (system.units.get(name)) {
      system.units.startService(name);
      continue;
    }
    call.err(`Failed to start ${fullName(name)}: Unit ${fullName(name)} not found.\n`);
    code = 5;
  }
  return code;
}

async function restart(system: System, call: CommandCall, args: Arguments): Promise<number> {
  await Promise.all(args.operands.map((name) => system.units.stop(name)));
  return start(system, call, args);
}

function kill(system: System, call: CommandCall, args: Arguments): number {
  const name = (args.value('--signal') ?? 'TERM').replace(/^SIG/, '');
  for (const operand of args.operands) {
    if (!system.units.get(operand)) {
      call.err(`Failed to kill unit ${fullName(operand)}: Unit ${fullName(operand)} not loaded.\n`);
      return 1;
    }
    system.units.signal(operand, `SIG${name}` as NodeJS.Signals);
  }
  return 0;
}

function resetFailed(system: System, call: CommandCall, args: Arguments): number {
  if (args.operands.length === 0) system.units.resetFailed();
  for (const name of args.operands) {
    if (!system.units.get(name)) {
      call.err(`Failed to reset failed state of unit ${fullName(name)}: Unit ${fullName(name)} not loaded.\n`);
      return 1;
    }
    system.units.resetFailed(name);
  }
  return 0;
}

function listUnits(system: System, call: CommandCall, args: Arguments): number {
  const states = args.has('--failed') ? ['failed'] : args.value('--state')?.split(',');
  const patterns = args.operands.map((glob) => globToRegExp(fullName(glob)));
  const units = system.units
    .list()
    .filter((unit) => !states || states.includes(unit.state) || states.includes(subState(unit)))
    .filter((unit) => patterns.length === 0 || patterns.some((pattern) => pattern.test(unit.name)));
  const legend = !args.has('--no-legend') && args.value('--legend') !== 'no';
  if (legend) call.out('  UNIT LOAD ACTIVE SUB DESCRIPTION\n');
  for (const unit of units) call.out(`  ${unit.name} loaded ${unit.state} ${subState(unit)} ${unit.description}\n`);
  if (legend) call.out(`\n${units.length} loaded units listed.\n`);
  return 0;
}

function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
