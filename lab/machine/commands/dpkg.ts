import type { CommandCall, LabCommand } from '../../core/machine.ts';
import { conffilePolicy, configureAll } from '../dpkg-run.ts';
import { compareVersions } from '../kernels.ts';
import type { Package } from '../packages.ts';
import type { System } from '../system.ts';
import { lockForDpkg } from './dpkg-lock.ts';

/** dpkg(1) and dpkg-query(1), as far as an administrator of upgrades needs them. */
export function dpkgCommands(system: System): Readonly<Record<string, LabCommand>> {
  return {
    dpkg: (call) => dpkg(system, call),
    'dpkg-query': (call) => Promise.resolve(dpkgQuery(system, call)),
  };
}

async function dpkg(system: System, call: CommandCall): Promise<number> {
  const actions = call.args.filter((arg) => !arg.startsWith('--force-'));
  const [action = '', ...rest] = actions;
  switch (action) {
    case '--configure':
      return configure(system, call, rest);
    case '--audit':
    case '-C':
      call.out(audit(system));
      return 0;
    case '-l':
    case '--list':
      return list(system, call, rest);
    case '-s':
    case '--status':
      return status(system, call, rest);
    case '--print-architecture':
      call.out('amd64\n');
      return 0;
    case '--compare-versions':
      return compares(rest) ? 0 : 1;
    default:
      call.err(`dpkg: error: unknown option ${action}\n\nType dpkg --help for help about installing packages.\n`);
      return 2;
  }
}

async function configure(system: System, call: CommandCall, names: readonly string[]): Promise<number> {
  const release = lockForDpkg(system, call);
  if (!release) return 2;
  try {
    const all = names.includes('-a') || names.includes('--pending');
    const packages = system.database.unconfigured().filter((item) => all || names.includes(item.name));
    const failed = await configureAll(system, call, packages, conffilePolicy(call.args));
    return failed.length > 0 ? 1 : 0;
  } finally {
    release();
  }
}

function audit(system: System): string {
  const unpacked = system.database.unconfigured().filter((item) => item.state === 'unpacked');
  const half = system.database.unconfigured().filter((item) => item.state === 'half-configured');
  return (
    auditBlock(
      'The following packages have been unpacked but not yet configured.\n' +
        'They must be configured using dpkg --configure or the configure\nmenu option in dselect for them to work:\n',
      unpacked,
    ) +
    auditBlock(
      'The following packages are only half configured, probably due to problems\n' +
        'configuring them the first time.  The configuration should be retried using\n' +
        'dpkg --configure <package> or the configure menu option in dselect:\n',
      half,
    )
  );
}

function auditBlock(title: string, packages: readonly Package[]): string {
  if (packages.length === 0) return '';
  return `${title}${packages.map((item) => ` ${item.name.padEnd(20)} ${item.title}\n`).join('')}\n`;
}

const LIST_HEADER = `Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
||/ Name                                 Version                Architecture Description
+++-====================================-======================-============-=================================
`;

function list(system: System, call: CommandCall, patterns: readonly string[]): number {
  const packages = matching(system, patterns);
  if (packages.length === 0) {
    for (const pattern of patterns) call.err(`dpkg-query: no packages found matching ${pattern}\n`);
    return 1;
  }
  const lines = packages.map(
    (item) =>
      `${abbreviation(item)} ${item.name.padEnd(36)} ${(item.installed ?? '').padEnd(22)} ${item.arch.padEnd(12)} ${item.title}\n`,
  );
  call.out(LIST_HEADER + lines.join(''));
  return 0;
}

function status(system: System, call: CommandCall, names: readonly string[]): number {
  for (const name of names) {
    const item = system.database.get(name);
    if (item?.installed === undefined) {
      call.err(
        `dpkg-query: package '${name}' is not installed and no information is available\n` +
          'Use dpkg --info (= dpkg-deb --info) to examine archive files.\n',
      );
      return 1;
    }
    call.out(
      `Package: ${name}\nStatus: ${statusWords(item)}\nPriority: ${item.priority}\nSection: ${item.section}\n` +
        `Architecture: ${item.arch}\nVersion: ${item.installed}\nDescription: ${item.title}\n\n`,
    );
  }
  return 0;
}

function dpkgQuery(system: System, call: CommandCall): number {
  let format = '${binary:Package}\t${Version}\n';
  const patterns: string[] = [];
  const rest = [...call.args];
  let action = '';
  while (rest.length > 0) {
    const arg = rest.shift() ?? '';
    if (arg === '-f') format = rest.shift() ?? '';
    else if (arg.startsWith('-f')) format = arg.slice(2).replace(/^=/, '');
    else if (arg.startsWith('--showformat=')) format = arg.slice('--showformat='.length);
    else if (arg.startsWith('-')) action = arg;
    else patterns.push(arg);
  }
  if (action === '-l' || action === '--list') return list(system, call, patterns);
  if (action === '-s' || action === '--status') return status(system, call, patterns);
  if (action !== '-W' && action !== '--show') {
    call.err('dpkg-query: error: need an action option\n');
    return 2;
  }
  return show(system, call, format, patterns);
}

function show(system: System, call: CommandCall, format: string, patterns: readonly string[]): number {
  for (const item of matching(system, patterns)) call.out(expand(format, item));
  const missing = patterns.filter((pattern) => matching(system, [pattern]).length === 0);
  for (const pattern of missing) call.err(`dpkg-query: no packages found matching ${pattern}\n`);
  return missing.length > 0 ? 1 : 0;
}

function expand(format: string, item: Package): string {
  const fields: Readonly<Record<string, string>> = {
    Package: item.name,
    'binary:Package': item.name,
    Version: item.installed ?? '',
    Architecture: item.arch,
    Section: item.section,
    Priority: item.priority,
    Status: statusWords(item),
    'db:Status-Abbrev': `${abbreviation(item)} `,
    'db:Status-Status': item.state,
    'db:Status-Eflag': 'ok',
    'binary:Summary': item.title,
  };
  return format
    .replace(/\$\{([\w:-]+)(?:;(-?\d+))?\}/g, (_, name: string, width: string | undefined) =>
      pad(fields[name] ?? '', width),
    )
    .replace(/\\([nt\\])/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? letter);
}

function pad(text: string, width: string | undefined): string {
  const columns = Number(width ?? 0);
  return columns < 0 ? text.padEnd(-columns) : text.padStart(columns);
}

function matching(system: System, patterns: readonly string[]): Package[] {
  const expressions = patterns.map((glob) => {
    const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  });
  return system.database
    .all()
    .filter((item) => item.installed !== undefined)
    .filter((item) => expressions.length === 0 || expressions.some((expression) => expression.test(item.name)));
}

function abbreviation(item: Package): string {
  const state = { installed: 'i', unpacked: 'U', 'half-configured': 'F', 'not-installed': 'n' }[item.state];
  return `${item.held ? 'h' : 'i'}${state}`;
}

function statusWords(item: Package): string {
  return `${item.held ? 'hold' : 'install'} ok ${item.state}`;
}

/** `dpkg --compare-versions A op B`; a package that is not there counts as older than any. */
function compares([left = '', operator = '', right = '']: readonly string[]): boolean {
  const order = compareVersions(left, right);
  switch (operator) {
    case 'lt':
      return order < 0;
    case 'le':
      return order <= 0;
    case 'eq':
      return order === 0;
    case 'ne':
      return order !== 0;
    case 'ge':
      return order >= 0;
    default:
      return operator === 'gt' && order > 0;
  }
}
