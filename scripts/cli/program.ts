import { Command, CommanderError, Option } from 'commander';
import { ConfigError, InputError } from '../../config/errors.ts';
import { approve } from './commands/approve.ts';
import { cancel } from './commands/cancel.ts';
import { decide } from './commands/decide.ts';
import { doctor } from './commands/doctor.ts';
import { goNow } from './commands/go-now.ts';
import { history, type HistoryFlags } from './commands/history.ts';
import { hosts } from './commands/hosts.ts';
import { trustHosts, type TrustFlags } from './commands/hosts-trust.ts';
import { lab } from './commands/lab.ts';
import {
  cancelPatching,
  patchHistory,
  patchReport,
  patchStatus,
  pausePatching,
  resumePatching,
} from './commands/patch-runs.ts';
import { answerReboot, patch, type PatchFlags } from './commands/patch.ts';
import { pause } from './commands/pause.ts';
import { plan } from './commands/plan.ts';
import { report, type ReportFlags } from './commands/report.ts';
import { resume } from './commands/resume.ts';
import {
  applySchedules,
  listSchedules,
  pauseSchedule,
  planSchedules,
  removeSchedules,
  resumeSchedule,
  triggerSchedule,
} from './commands/schedules.ts';
import { skip } from './commands/skip.ts';
import { status } from './commands/status.ts';
import { forgetUndo, retryUndo, undo } from './commands/undo.ts';
import { update, type UpdateFlags } from './commands/update.ts';
import { withSession, withSite, type GlobalFlags, type Session, type Site } from './context.ts';
import { addPower } from './power-commands.ts';
import { CliError, layoutFor, printJson, printLine, type ExitCode, type Terminal } from './terminal.ts';

const HELP_FOOTER = `
Configuration: --config, else CARETAKER_CONFIG, else ./caretaker.yaml.
Temporal:      TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other settings of Temporal's own tools.
Exit codes:    0 good; 1 the run was refused, failed, aborted or canceled, or a host is not as it should be;
               2 usage, configuration or connection.`;

type Json = { readonly json?: boolean };

/**
 * The `caretaker` command.
 *
 * @param args Arguments without node and script.
 * @returns the exit code; messages are printed already.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(terminal, (code) => (exitCode = code));
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return printError(error, terminal, args.includes('--json'));
  }
}

function createProgram(terminal: Terminal, finish: (code: ExitCode) => void): Command {
  const program = new Command('caretaker')
    .description('Durable maintenance for a Proxmox cluster.')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', HELP_FOOTER)
    .helpCommand(false)
    .showHelpAfterError('See caretaker --help.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHelpWidth: () => layoutFor(terminal.stdout, terminal.env).width,
      getErrHelpWidth: () => layoutFor(terminal.stderr, terminal.env).width,
    });
  const run = async (command: (session: Session) => Promise<ExitCode>): Promise<void> =>
    finish(await withSession(terminal, program.opts<GlobalFlags>(), command));

  const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];
  const withPolicy = (command: Command): Command =>
    command
      .argument('[nodes...]', 'nodes to update, in this order (default: all)')
      .option('--reboot <when>', 'if-needed, always or never')
      .option('--approval <when>', 'wait for a person: none, plan or every-node')
      .option('--ignore-window', 'do not wait for the maintenance windows of the configuration')
      .option('--parallel <number>', 'guests of a node that move at the same time')
      .option('--guest <vmid=treatment>', 'migrate, shutdown, leave or refuse this guest; repeatable', collect)
      .option('--override <code>', 'go on in spite of this blocker; repeatable', collect);

  withPolicy(program.command('plan'))
    .description('show what an update would do; changes nothing')
    .option('--json', 'print one JSON document')
    .action((nodes: string[], flags: UpdateFlags) => run((session) => plan(session, nodes, flags)));
  withPolicy(program.command('update'))
    .description('update the nodes one after the other and follow it live')
    .option('--dry-run', 'stop after the plan')
    .option('--detach', 'start only, do not follow')
    .option('--json', 'print one JSON document at the end')
    .action((nodes: string[], flags: UpdateFlags) => run((session) => update(session, nodes, flags)));
  program
    .command('status')
    .description('show the rolling update that is under way, or how the last one ended')
    .option('-f, --follow', 'follow it live to its end')
    .option('--json', 'print one JSON document')
    .action((flags: Json & { follow?: boolean }) => run((session) => status(session, flags)));
  program
    .command('report')
    .description('print the whole report of the last rolling update that is over, or of another')
    .argument('[run]', 'beginning of its run id, as history lists it')
    .addOption(new Option('--markdown', 'print it as Markdown').conflicts(['html', 'json']))
    .addOption(new Option('--html', 'print it as a page').conflicts(['markdown', 'json']))
    .option('--json', 'print one JSON document')
    .action((wanted: string | undefined, flags: ReportFlags) => run((session) => report(session, wanted, flags)));
  program
    .command('history')
    .description('list the rolling updates that Temporal remembers, the newest first')
    .option('--limit <number>', 'how many, at most 100', '20')
    .option('--json', 'print one JSON document')
    .action((flags: HistoryFlags) => run((session) => history(session, flags)));
  for (const { name, description, command } of REQUESTS) {
    program
      .command(name)
      .description(description)
      .option('--json', 'print one JSON document')
      .action((flags: Json) => run((session) => command(session, flags)));
  }
  program
    .command('decide')
    .description('answer the question that the run asks')
    .argument('<question>', 'its id, as `status` and the mail show it')
    .argument('<option>', 'one of its options')
    .option('--json', 'print one JSON document')
    .action((question: string, option: string, flags: Json) =>
      run((session) => decide(session, { question, option }, flags)),
    );
  program
    .command('skip')
    .description('leave out a node whose turn has not come')
    .argument('<node>')
    .option('--json', 'print one JSON document')
    .action((node: string, flags: Json) => run((session) => skip(session, node, flags)));
  const undoing = program
    .command('undo')
    .description('show what earlier runs could not take back yet')
    .option('--json', 'print one JSON document')
    .action((flags: Json) => run((session) => undo(session, flags)));
  undoing
    .command('retry')
    .description('try it now')
    .argument('[node]', 'only what is left on this node')
    .action((node: string | undefined) => run((session) => retryUndo(session, node, undoing.opts<Json>())));
  undoing
    .command('forget')
    .description('leave it to you: you did it by hand, or want it as it is')
    .argument('<node>')
    .argument('[entry]', 'one entry, as `undo` names it (default: all)')
    .action((node: string, entry: string | undefined) =>
      run((session) => forgetUndo(session, node, entry, undoing.opts<Json>())),
    );
  addPatch(program, run);
  addSchedules(program, run);
  const runOnSite = async (command: (site: Site) => Promise<ExitCode>): Promise<void> =>
    finish(await withSite(terminal, program.opts<GlobalFlags>(), command));
  addHosts(program, runOnSite);
  program
    .command('doctor')
    .description('look whether everything is there that Caretaker needs; changes nothing')
    .option('--json', 'print one JSON document')
    .action((flags: Json) => runOnSite((site) => doctor(site, flags)));
  addPower(program, { run, runOnSite, alone: async (command) => finish(await command(terminal)) });
  program
    .command('lab')
    .description('start a simulated Proxmox cluster on this machine; lab mail shows the mails it took')
    .argument('[args...]', 'arguments of the lab')
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions(false)
    .action(async (args: string[]) => finish(await lab(args)));
  return program;
}

type Run = (command: (session: Session) => Promise<ExitCode>) => Promise<void>;

function addPatch(program: Command, run: Run): void {
  const patching = program
    .command('patch')
    .description('patch a host, a group of hosts, or all that are patched weekly')
    .argument('[name]', 'host or group')
    .option('--weekly', 'the groups of patching.weekly, one after the other')
    .option('--dry-run', 'look only: say what would be done')
    .option('--no-reboot', 'reboot no host; the report says which wants it')
    .option('--ignore-window', 'do not keep to the maintenance windows of the configuration')
    .option('--detach', 'start only, do not follow')
    .option('--json', 'print one JSON document at the end')
    .helpCommand(false)
    .action((name: string | undefined, flags: PatchFlags) => run((session) => patch(session, name, flags)));
  // `--json` may stand before or after the name of the command.
  const json = (): Json => (patching.opts<Json>().json ? { json: true } : {});
  patching
    .command('status')
    .description('show the run that is under way, or how the last one ended')
    .argument('[run]', 'its workflow id, where there are several')
    .option('-f, --follow', 'follow it live to its end')
    .action((wanted: string | undefined, flags: { follow?: boolean }) =>
      run((session) => patchStatus(session, wanted, { ...json(), ...flags })),
    );
  for (const { name, description, command } of PATCH_REQUESTS) {
    patching
      .command(name)
      .description(description)
      .argument('[run]', 'its workflow id, where there are several')
      .action((wanted: string | undefined) => run((session) => command(session, wanted, json())));
  }
  for (const { name, description, answer } of REBOOT_ANSWERS) {
    patching
      .command(name)
      .description(description)
      .argument('<host>')
      .action((host: string) => run((session) => answerReboot(session, host, answer, json())));
  }
  patching
    .command('report')
    .description('print the report of the last run that is over, or of another')
    .argument('[run]', 'beginning of its run id, as history lists it')
    .addOption(new Option('--markdown', 'print it as Markdown').conflicts(['html']))
    .addOption(new Option('--html', 'print it as a page').conflicts(['markdown']))
    .action((wanted: string | undefined, flags: ReportFlags) =>
      run((session) => patchReport(session, wanted, { ...json(), ...flags })),
    );
  patching
    .command('history')
    .description('list the runs that Temporal remembers, the newest first')
    .option('--limit <number>', 'how many, at most 100', '20')
    .action((flags: HistoryFlags) => run((session) => patchHistory(session, { ...json(), ...flags })));
}

const PATCH_REQUESTS = [
  { name: 'pause', description: 'begin no host until it is resumed', command: pausePatching },
  { name: 'resume', description: 'let a paused run go on', command: resumePatching },
  { name: 'cancel', description: 'begin no more hosts; those in hand end their step', command: cancelPatching },
] as const;

const REBOOT_ANSWERS = [
  { name: 'reboot-now', description: 'end the pause before the reboot of a host', answer: 'rebootNow' },
  { name: 'skip-reboot', description: 'do not reboot a host that is about to', answer: 'skipReboot' },
] as const;

function addSchedules(program: Command, run: Run): void {
  const schedules = program
    .command('schedules')
    .description('what Temporal starts by itself, instead of cron')
    .helpCommand(false);
  for (const { name, description, command } of SCHEDULE_COMMANDS) {
    schedules
      .command(name)
      .description(description)
      .option('--json', 'print one JSON document')
      .action((flags: Json) => run((session) => command(session, flags)));
  }
  schedules
    .command('pause')
    .description('start nothing until it is resumed; a run that is under way goes on')
    .argument('<schedule>')
    .option('--note <text>', 'why, for those who find it paused')
    .action((name: string, { note }: { note?: string }) => run((session) => pauseSchedule(session, name, note)));
  schedules
    .command('resume')
    .description('let a paused one start its runs again')
    .argument('<schedule>')
    .action((name: string) => run((session) => resumeSchedule(session, name)));
  schedules
    .command('trigger')
    .description('start its run now, unless one is under way')
    .argument('<schedule>')
    .action((name: string) => run((session) => triggerSchedule(session, name)));
  schedules
    .command('remove')
    .description('take it out of Temporal, or all of them')
    .argument('[schedule]')
    .option('--json', 'print one JSON document')
    .action((name: string | undefined, flags: Json) => run((session) => removeSchedules(session, name, flags)));
}

function addHosts(program: Command, run: (command: (site: Site) => Promise<ExitCode>) => Promise<void>): void {
  const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];
  const inventory = program
    .command('hosts')
    .description('show how the hosts of the inventory are; changes nothing')
    .argument('[hosts...]', 'hosts or groups (default: all)')
    .option('--json', 'print one JSON document')
    .action((names: string[], flags: Json) => run((site) => hosts(site, names, flags)));
  inventory
    .command('trust')
    .description('show the SSH host keys and put new ones into the file of known hosts')
    .argument('[hosts...]', 'hosts or groups (default: all)')
    .option('-y, --yes', 'do not ask: the fingerprints have been compared')
    .option('--replace <host>', 'take the changed key of this host; repeatable', collect)
    .action((names: string[], flags: TrustFlags) => run((site) => trustHosts(site, names, flags)));
}

const SCHEDULE_COMMANDS = [
  { name: 'plan', description: 'show what apply would change', command: planSchedules },
  { name: 'apply', description: 'make them what the configuration says', command: applySchedules },
  { name: 'list', description: 'list them with their next and last runs', command: listSchedules },
] as const;

const REQUESTS = [
  { name: 'pause', description: 'hold the rolling update at its next safe point', command: pause },
  { name: 'resume', description: 'let a paused rolling update go on', command: resume },
  { name: 'approve', description: 'agree to what the run waits for', command: approve },
  { name: 'go-now', description: 'begin outside the maintenance windows', command: goNow },
  { name: 'cancel', description: 'stop the rolling update; it tidies up what it changed', command: cancel },
] as const;

function printError(error: unknown, { stdout, stderr }: Terminal, json: boolean): ExitCode {
  const known = error instanceof CliError || error instanceof ConfigError || error instanceof InputError;
  const text = known ? error.message : unexpected(error);
  if (json) printJson(stdout, { status: 'error', message: text });
  printLine(stderr, text);
  return error instanceof CliError ? error.exitCode : 2;
}

/** Something that nobody foresaw is a defect; its stack is what a report about it needs. */
function unexpected(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `This should not have happened. Please report it with these lines:\n${stack}`;
}
