import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';
import type { TransientUnit } from '../units.ts';
import { UnitLoadedError } from '../units.ts';
import { parseArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { parseTimeSpan } from './time-span.ts';

const RULES = {
  values: { '-u': '--unit', '-p': '--property', '-E': '--setenv' },
  valued: ['--unit', '--property', '--setenv', '--description', '--working-directory', '--service-type', '--slice'],
  stopAtOperand: true,
};

const FLAGS = [
  ...RULES.valued,
  ...['--collect', '-G', '--quiet', '-q', '--no-block', '--wait', '--remain-after-exit', '-r', '--no-ask-password'],
  ...['--system'],
];

/** Properties that change nothing the lab models. */
const IGNORED_PROPERTIES =
  /^(Type|Nice|OOMScoreAdjust|OOMPolicy|CPU\w+|IO\w+|Memory\w+|Tasks\w+|KillMode|SendSIGKILL|StandardInput|SyslogIdentifier|User|Group|UMask|Restart|After|Before|Wants|LimitNOFILE)$/;

let anonymous = 0;

/** systemd-run(1) for transient services; scopes, timers and terminals are refused. */
export function systemdRunCommand(system: System): LabCommand {
  return async (call) => {
    const parsed = parseArguments(call.args, RULES);
    const unknown = parsed.names.find((name) => !FLAGS.includes(name));
    if (unknown !== undefined) return refuse(call, `systemd-run: unrecognized option '${unknown}'`);
    if (parsed.operands.length === 0) return refuse(call, 'Command line to execute required.');
    try {
      const unit = system.units.start(transientUnit(system, call, parsed));
      if (!parsed.has('--quiet', '-q')) {
        call.err(`Running as unit: ${unit.name}; invocation ID: ${unit.invocationId}\n`);
      }
      if (!parsed.has('--wait')) return 0;
      await system.units.finished(unit.name);
      return unit.exitCode === 1 ? unit.exitStatus : 1;
    } catch (error) {
      if (error instanceof UnitLoadedError)
        return refuse(call, `Failed to start transient service unit: ${error.message}`);
      if (error instanceof UsageError) return refuse(call, error.message);
      throw error;
    }
  };
}

class UsageError extends Error {}

function refuse(call: CommandCall, message: string): number {
  call.err(`${message}\n`);
  return 1;
}

function transientUnit(system: System, call: CommandCall, parsed: Arguments): TransientUnit {
  const properties = parseProperties(parsed.values('--property'));
  const name = parsed.value('--unit') ?? `run-u${++anonymous}`;
  const program = parsed.operands[0] ?? '';
  const argv = [findProgram(system, program), ...parsed.operands.slice(1)];
  const environment = [
    ...(properties.get('Environment') ?? []).flatMap((value) => value.split(' ')),
    ...parsed.values('--setenv'),
  ];
  return {
    name,
    description: parsed.value('--description') ?? properties.get('Description')?.at(-1) ?? parsed.operands.join(' '),
    argv: redirect(argv, properties),
    env: {
      // A system service has no HOME unless its unit sets one (systemd.exec(5), SetLoginEnvironment=).
      LANG: 'C.UTF-8',
      PATH: system.shell.path,
      ...Object.fromEntries(environment.map((entry) => assignment(entry, call.env))),
    },
    cwd:
      parsed.value('--working-directory') ?? properties.get('WorkingDirectory')?.at(-1) ?? system.shell.rootDirectory,
    collect: parsed.has('--collect', '-G') || properties.get('CollectMode')?.at(-1) === 'inactive-or-failed',
    remainAfterExit:
      parsed.has('--remain-after-exit', '-r') ||
      /^(yes|true|1|on)$/.test(properties.get('RemainAfterExit')?.at(-1) ?? ''),
    runtimeMaxMs: span(properties, 'RuntimeMaxSec', 0),
    stopTimeoutMs: span(properties, 'TimeoutStopSec', 90_000),
  };
}

const MODELED = [
  'Environment',
  'Description',
  'WorkingDirectory',
  'CollectMode',
  'RemainAfterExit',
  'RuntimeMaxSec',
  'TimeoutStopSec',
  'StandardOutput',
  'StandardError',
];

function parseProperties(values: readonly string[]): Map<string, string[]> {
  const properties = new Map<string, string[]>();
  for (const value of values) {
    const at = value.indexOf('=');
    const name = value.slice(0, at);
    if (at < 1) throw new UsageError(`Not an assignment: ${value}`);
    if (!MODELED.includes(name) && !IGNORED_PROPERTIES.test(name)) throw new UsageError(`Unknown assignment: ${value}`);
    properties.set(name, [...(properties.get(name) ?? []), value.slice(at + 1)]);
  }
  return properties;
}

function span(properties: Map<string, string[]>, name: string, fallback: number): number {
  const value = properties.get(name)?.at(-1);
  if (value === undefined) return fallback;
  const ms = parseTimeSpan(value);
  if (ms === undefined) throw new UsageError(`Failed to parse ${name}= parameter: ${value}`);
  return ms;
}

/** `NAME=value`, or `NAME` for the caller's value. */
function assignment(entry: string, env: Readonly<Record<string, string>>): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, env[entry] ?? ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

function findProgram(system: System, program: string): string {
  const candidates = program.includes('/') ? [program] : system.shell.path.split(':').map((dir) => join(dir, program));
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new UsageError(`Failed to find executable ${program}: No such file or directory`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Output that does not go to the journal is redirected by a shell that becomes the program. */
function redirect(argv: readonly string[], properties: Map<string, string[]>): readonly string[] {
  const streams = [
    ['StandardOutput', '1'],
    ['StandardError', '2'],
  ] as const;
  let command = argv;
  for (const [property, fd] of streams) {
    const target = properties.get(property)?.at(-1);
    const match =
      target === 'null' ? ['', 'append', '/dev/null'] : /^(file|append|truncate):(\/.*)$/.exec(target ?? '');
    if (!match) continue;
    const operator = match[1] === 'append' ? '>>' : '>';
    command = ['/bin/sh', '-c', `file=$1; shift; exec "$@" ${fd}${operator}"$file"`, 'sh', match[2] ?? '', ...command];
  }
  return command;
}
