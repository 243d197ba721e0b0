import type { CommandCall, LabCommand } from '../../core/machine.ts';
import { conffilePolicy, lineReader, unpackAndConfigure } from '../dpkg-run.ts';
import { printRefresh } from '../refresh.ts';
import type { System } from '../system.ts';
import { describePlan, planAutoremove, planInstall, planUpgrade, simulate } from './apt-plan.ts';
import type { AptPlan } from './apt-plan.ts';
import { parseArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { lockForApt } from './dpkg-lock.ts';

const RULES = {
  values: { '-o': '--option', '-t': '--target-release' },
  valued: ['--option', '--target-release'],
};

const FLAGS = new Set(
  (
    '--option --target-release -y --yes --assume-yes -q --quiet -s --simulate --dry-run --just-print --no-act --recon ' +
    '-f --fix-broken -u --show-upgraded -V --verbose-versions --with-new-pkgs --no-install-recommends --purge ' +
    '--allow-downgrades --allow-releaseinfo-change --only-upgrade --auto-remove --autoremove --no-remove --upgradable ' +
    '--allow-unauthenticated --fix-missing -m --no-download -d --download-only --assume-no'
  ).split(' '),
);

const INTERRUPTED = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n";

const DOWNLOAD_MS = 150;

/** apt-get(8), apt(8) and apt-mark(8). Exit code 100 for errors, as apt's own. */
export function aptCommands(system: System): Readonly<Record<string, LabCommand>> {
  return {
    'apt-get': (call) => apt(system, call, 'apt-get'),
    apt: (call) => {
      call.err('\nWARNING: apt does not have a stable CLI interface. Use with caution in scripts.\n\n');
      return apt(system, call, 'apt');
    },
    'apt-mark': (call) => Promise.resolve(aptMark(system, call)),
  };
}

async function apt(system: System, call: CommandCall, program: string): Promise<number> {
  const parsed = parseArguments(call.args, RULES);
  const unknown = parsed.names.find((name) => !FLAGS.has(name));
  if (unknown !== undefined) {
    return fail(call, `Command line option ${unknown} is not understood in combination with the other options`);
  }
  const [verb = '', ...names] = parsed.operands;
  const run = { system, call, parsed, program };
  switch (verb) {
    case 'update':
      return printRefresh(system, (line) => call.out(`${line}\n`), call.signal);
    case 'upgrade':
      return change(run, verb, () => planUpgrade(system, program === 'apt' || parsed.has('--with-new-pkgs')));
    case 'dist-upgrade':
    case 'full-upgrade':
      return change(run, verb, () => ({
        ...planUpgrade(system, true),
        remove: parsed.has('--auto-remove', '--autoremove') ? planAutoremove(system).remove : [],
      }));
    case 'install':
      return change(run, verb, () => planInstall(system, names, parsed.has('--only-upgrade')));
    case 'autoremove':
      return change(run, verb, () => planAutoremove(system));
    case 'clean':
    case 'autoclean':
      return 0;
    case 'check':
      return locked(run, () => Promise.resolve(read(call)));
    case 'list':
      return list(system, call, parsed);
    default:
      return fail(call, verb === '' ? 'No operation given' : `Invalid operation ${verb}`);
  }
}

interface Run {
  readonly system: System;
  readonly call: CommandCall;
  readonly parsed: Arguments;
  readonly program: string;
}

function fail(call: CommandCall, message: string): number {
  call.err(`E: ${message}\n`);
  return 100;
}

function read(call: CommandCall): number {
  call.out('Reading package lists...\nBuilding dependency tree...\nReading state information...\n');
  return 0;
}

function list(system: System, call: CommandCall, parsed: Arguments): number {
  call.out('Listing...\n');
  for (const item of system.database.pending()) {
    if (!parsed.has('--upgradable') || item.installed === undefined) continue;
    call.out(`${item.name}/stable ${item.candidate} ${item.arch} [upgradable from: ${item.installed}]\n`);
  }
  return 0;
}

/** A run that changes packages, recorded from start to end however it ends. */
async function change(run: Run, verb: string, plan: () => AptPlan): Promise<number> {
  const { system, call, parsed } = run;
  if (parsed.has('-s', '--simulate', '--dry-run', '--just-print', '--no-act', '--recon'))
    return dryRun(run, verb, plan);
  const isUpgrade = verb.endsWith('upgrade');
  if (isUpgrade) system.context.log.record(call.actor, 'upgrade.start', system.id, { verb, pid: call.pid });
  let rc: number | null = null;
  try {
    rc = await locked(run, () => {
      read(call);
      if (verb.endsWith('upgrade')) call.out('Calculating upgrade...\n');
      return execute(run, plan());
    });
    return rc;
  } finally {
    if (isUpgrade) system.context.log.record(call.actor, 'upgrade.end', system.id, { verb, rc });
  }
}

function dryRun({ system, call }: Run, verb: string, makePlan: () => AptPlan): number {
  read(call);
  if (verb.endsWith('upgrade')) call.out('Calculating upgrade...\n');
  try {
    const plan = makePlan();
    call.out(describePlan(system, plan) + simulate(plan));
    return 0;
  } catch (error) {
    return fail(call, (error as Error).message);
  }
}

async function locked({ system, call, parsed, program }: Run, work: () => Promise<number>): Promise<number> {
  const release = await lockForApt(system, call, program, Number(option(parsed, 'DPkg::Lock::Timeout') ?? 0));
  if (!release) return 100;
  try {
    if (system.database.interrupted) {
      call.err(INTERRUPTED);
      return 100;
    }
    return await work();
  } catch (error) {
    if (call.signal.aborted) throw error;
    return fail(call, (error as Error).message);
  } finally {
    release();
  }
}

async function execute(run: Run, plan: AptPlan): Promise<number> {
  const { system, call, parsed } = run;
  call.out(describePlan(system, plan));
  const unfinished = system.database.unconfigured();
  if (plan.change.length + plan.remove.length + unfinished.length === 0) return 0;
  if (plan.change.length > 0) {
    call.out(`Need to get ${plan.change.length * 1.4} MB of archives.\n`);
    call.out('After this operation, 4096 B of additional disk space will be used.\n');
  }
  if (!(await confirmed(run))) {
    call.out('Abort.\n');
    return 1;
  }
  await download(run, plan);
  if (parsed.has('-d', '--download-only')) return 0;
  for (const item of plan.remove) {
    call.out(`Removing ${item.name} (${item.installed ?? ''}) ...\n`);
    if (item.published.kernel !== undefined) system.kernels.remove(item.published.kernel);
    system.database.remove(item.name);
  }
  if (plan.change.length + unfinished.length === 0) return 0;
  const failed = await unpackAndConfigure(
    system,
    call,
    plan.change,
    conffilePolicy(options(parsed, 'DPkg::Options::')),
  );
  if (failed.length === 0) return 0;
  return fail(call, 'Sub-process /usr/bin/dpkg returned an error code (1)');
}

async function confirmed({ call, parsed }: Run): Promise<boolean> {
  if (parsed.has('-y', '--yes', '--assume-yes') || option(parsed, 'APT::Get::Assume-Yes') === 'true') return true;
  call.out('Do you want to continue? [Y/n] ');
  const answer = await lineReader(call.stdin)();
  return answer !== undefined && /^\s*(y(es)?)?\s*$/i.test(answer);
}

async function download({ system, call }: Run, plan: AptPlan): Promise<void> {
  for (const [index, item] of plan.change.entries()) {
    const host = item.origin === 'Proxmox' ? 'http://download.proxmox.com/debian/pve' : 'http://deb.debian.org/debian';
    call.out(
      `Get:${index + 1} ${host} trixie/main ${item.arch} ${item.name} ${item.arch} ${item.candidate} [1400 kB]\n`,
    );
    await system.context.clock.sleep(DOWNLOAD_MS, call.signal);
  }
  const count = plan.change.length;
  if (count > 0)
    call.out(`Fetched ${(count * 1.4).toFixed(1)} MB in ${Math.ceil((count * DOWNLOAD_MS) / 1000)}s (9333 kB/s)\n`);
}

/** `-o Name=value`; apt compares names without case. */
function options(parsed: Arguments, name: string): string[] {
  const prefix = `${name.toLowerCase()}=`;
  return parsed
    .values('--option')
    .filter((text) => text.toLowerCase().startsWith(prefix))
    .map((text) => text.slice(prefix.length));
}

function option(parsed: Arguments, name: string): string | undefined {
  return options(parsed, name).at(-1);
}

function aptMark(system: System, call: CommandCall): number {
  const [verb, ...names] = call.args;
  if (verb === 'showhold') {
    for (const item of system.database.all()) if (item.held) call.out(`${item.name}\n`);
    return 0;
  }
  if (verb !== 'hold' && verb !== 'unhold') return fail(call, `Invalid operation ${verb ?? ''}`);
  for (const name of names) {
    const item = system.database.get(name);
    if (!item) return fail(call, `Unable to locate package ${name}`);
    item.held = verb === 'hold';
    call.out(item.held ? `${name} set on hold.\n` : `Canceled hold on ${name}.\n`);
  }
  return 0;
}
