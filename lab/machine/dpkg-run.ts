import type { CommandCall } from '../core/machine.ts';
import type { Package } from './packages.ts';
import type { System } from './system.ts';

/** dpkg's answers to the conffile question, from `--force-conf*`. */
export interface ConffilePolicy {
  readonly confdef: boolean;
  readonly confold: boolean;
  readonly confnew: boolean;
}

const UNPACK_MS = 300;
const CONFIGURE_MS = 400;

export function conffilePolicy(options: readonly string[]): ConffilePolicy {
  const forced = options.flatMap((option) => /^--force-(.*)$/.exec(option)?.[1]?.split(',') ?? []);
  return {
    confdef: forced.includes('confdef'),
    confold: forced.includes('confold'),
    confnew: forced.includes('confnew'),
  };
}

/**
 * Unpacks and configures as dpkg does for apt: all archives first, then all packages. Returns the names that failed.
 * A run that is killed throws in the middle and leaves the database marked as interrupted, as /var/lib/dpkg/updates.
 */
export async function unpackAndConfigure(
  system: System,
  call: CommandCall,
  packages: readonly Package[],
  policy: ConffilePolicy,
): Promise<string[]> {
  system.database.interrupted = true;
  if (packages.length > 0) call.out('(Reading database ... 61543 files and directories currently installed.)\n');
  for (const [index, item] of packages.entries()) await unpack(system, call, item, index);
  const failed = await configure(system, call, system.database.unconfigured(), policy);
  system.database.interrupted = false;
  return failed;
}

/** `dpkg --configure`: returns the names that failed. */
export async function configureAll(
  system: System,
  call: CommandCall,
  packages: readonly Package[],
  policy: ConffilePolicy,
): Promise<string[]> {
  system.database.interrupted = true;
  const failed = await configure(system, call, packages, policy);
  system.database.interrupted = false;
  return failed;
}

async function unpack(system: System, call: CommandCall, item: Package, index: number): Promise<void> {
  const old = item.installed;
  if (old === undefined) call.out(`Selecting previously unselected package ${item.name}.\n`);
  const archive = `${item.name}_${item.candidate.replaceAll(':', '%3a')}_${item.arch}.deb`;
  call.out(`Preparing to unpack .../${String(index).padStart(2, '0')}-${archive} ...\n`);
  const over = old === undefined ? '' : ` over (${old})`;
  call.out(`Unpacking ${item.name} (${item.candidate})${over} ...\n`);
  await system.context.clock.sleep(UNPACK_MS, call.signal);
  item.installed = item.candidate;
  item.state = 'unpacked';
  item.conffilePending = item.published.conffile === true && old !== undefined;
  const fail = item.published.postinst?.fail ?? false;
  item.failuresLeft = fail === true ? Infinity : Number(fail);
}

async function configure(
  system: System,
  call: CommandCall,
  packages: readonly Package[],
  policy: ConffilePolicy,
): Promise<string[]> {
  const failed: string[] = [];
  const input = lineReader(call.stdin);
  for (const item of dependenciesFirst(packages)) {
    const error = await configureOne(system, call, item, policy, input);
    if (error === undefined) continue;
    call.err(`dpkg: error processing package ${item.name} (--configure):\n ${error}\n`);
    failed.push(item.name);
  }
  if (failed.length > 0)
    call.err(`Errors were encountered while processing:\n${failed.map((name) => ` ${name}\n`).join('')}`);
  else call.out('Processing triggers for man-db (2.13.1-1) ...\nProcessing triggers for libc-bin (2.41-12) ...\n');
  return failed;
}

/** Configures one package; the result is dpkg's error, if any. */
async function configureOne(
  system: System,
  call: CommandCall,
  item: Package,
  policy: ConffilePolicy,
  input: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const missing = item.published.depends?.find((name) => system.database.unconfigured().some((p) => p.name === name));
  if (missing !== undefined) {
    call.err(
      `dpkg: dependency problems prevent configuration of ${item.name}:\n` +
        ` ${item.name} depends on ${missing}; however:\n  Package ${missing} is not configured yet.\n\n`,
    );
    return 'dependency problems - leaving unconfigured';
  }
  call.out(`Setting up ${item.name} (${item.installed ?? ''}) ...\n`);
  if (item.conffilePending) {
    const error = await decideConffile(call, item, policy, input);
    if (error !== undefined) return error;
    item.conffilePending = false;
  }
  item.state = 'half-configured';
  const { kernel, postinst } = item.published;
  if (kernel !== undefined) call.out(`update-initramfs: Generating /boot/initrd.img-${kernel}\n`);
  await system.context.clock.sleep(postinst?.ms ?? CONFIGURE_MS, call.signal);
  if (item.failuresLeft > 0) {
    item.failuresLeft--;
    return `installed ${item.name} package post-installation script subprocess returned error exit status 1`;
  }
  item.state = 'installed';
  if (kernel !== undefined) system.kernels.add(kernel);
  if (item.published.rebootRequired === true) system.rebootAsked.add(item.name);
  system.packageConfigured(item.name, item.installed ?? '', call.actor);
  return undefined;
}

/** dpkg's question about a configuration file both sides changed; DEBIAN_FRONTEND does not answer it (dpkg(1)). */
async function decideConffile(
  call: CommandCall,
  item: Package,
  policy: ConffilePolicy,
  input: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const file = `${item.name}.conf`;
  call.err(
    `\nConfiguration file '/etc/${item.name}/${file}'\n` +
      ' ==> Modified (by you or by a script) since installation.\n' +
      ' ==> Package distributor has shipped an updated version.\n',
  );
  // Keeping is the default action here, so confdef wins over confnew and confold.
  if (policy.confdef) return said(call, ' ==> Keeping old config file as default.\n');
  if (policy.confnew) return said(call, ' ==> Using new file as you requested.\n');
  if (policy.confold) return said(call, ' ==> Using current old file as you requested.\n');
  call.err(
    '   What would you like to do about it ?  Your options are:\n' +
      "    Y or I  : install the package maintainer's version\n" +
      '    N or O  : keep your currently-installed version\n' +
      '      D     : show the differences between the versions\n' +
      '      Z     : start a shell to examine the situation\n' +
      ' The default action is to keep your current version.\n',
  );
  for (;;) {
    call.err(`*** ${file} (Y/I/N/O/D/Z) [default=N] ? `);
    const answer = await input();
    if (answer === undefined) return 'end of file on stdin at conffile prompt';
    if (/^\s*[yino]?\s*$/i.test(answer)) return undefined;
  }
}

function said(call: CommandCall, text: string): undefined {
  call.err(text);
}

/** Lines of standard input, asked for one by one. */
export function lineReader(stdin: AsyncIterable<Buffer>): () => Promise<string | undefined> {
  let chunks: AsyncIterator<Buffer> | undefined;
  let buffered = '';
  return async () => {
    chunks ??= stdin[Symbol.asyncIterator]();
    while (!buffered.includes('\n')) {
      const next = await chunks.next();
      if (next.done) return undefined;
      buffered += next.value.toString();
    }
    const at = buffered.indexOf('\n');
    const line = buffered.slice(0, at);
    buffered = buffered.slice(at + 1);
    return line;
  };
}

/** So that a meta package is configured after what it needs. */
export function dependenciesFirst(packages: readonly Package[]): Package[] {
  const ordered: Package[] = [];
  const visit = (item: Package) => {
    if (ordered.includes(item)) return;
    for (const name of item.published.depends ?? []) {
      const needed = packages.find((other) => other.name === name);
      if (needed) visit(needed);
    }
    ordered.push(item);
  };
  packages.forEach(visit);
  return ordered;
}
