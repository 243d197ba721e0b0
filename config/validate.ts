import { nearest } from './did-you-mean.ts';
import { checkHosts, type UncheckedInventory } from './host-checks.ts';
import { checkPatching, type UncheckedPatching } from './patch-checks.ts';
import { checkPower } from './power-checks.ts';
import { explainIssues, fieldName, type PathProblem } from './problems.ts';
import { configSchema, type Config } from './schema.ts';
import { listOf, type Report } from './unchecked.ts';

/**
 * Checks the data of a `caretaker.yaml` and fills in the defaults, or tells everything that is wrong with it: a field
 * that is wrong alone as well as fields that do not go together.
 */
export function validateConfig(value: unknown): { readonly config: Config } | { readonly problems: PathProblem[] } {
  const parsed = configSchema.safeParse(value);
  const across = checkAcrossFields(value);
  if (parsed.success && across.length === 0) return { config: parsed.data };
  const issues = parsed.success ? [] : parsed.error.issues;
  return { problems: [...explainIssues(issues, configSchema, { value, name: 'The file' }), ...across] };
}

/** What {@link checkAcrossFields} may find: it also runs on files with other mistakes, so that all are told at once. */
interface Unchecked extends UncheckedInventory {
  readonly cluster?: {
    readonly api?: { readonly caFile?: unknown };
    readonly ssh?: { readonly knownHosts?: unknown };
    readonly nodes?: unknown;
  };
  readonly mail?: UncheckedMail;
  readonly power?: unknown;
  readonly patching?: UncheckedPatching;
  readonly schedules?: { readonly nodeUpdate?: unknown; readonly weeklyUpdates?: unknown };
  readonly rollingUpdate?: {
    readonly nodes?: unknown;
    readonly windows?: unknown;
    readonly timeZone?: unknown;
    readonly approval?: unknown;
  };
}

interface UncheckedMail {
  readonly host?: unknown;
  readonly security?: unknown;
  readonly user?: unknown;
  readonly password?: unknown;
}

interface UncheckedNode {
  readonly name?: unknown;
  readonly api?: { readonly fingerprint?: unknown };
  readonly ssh?: { readonly hostKey?: unknown };
}

function checkAcrossFields(value: unknown): PathProblem[] {
  const config = (value ?? {}) as Unchecked;
  const nodes = listOf<UncheckedNode>(config.cluster?.nodes);
  const problems: PathProblem[] = [];
  const report: Report = (path, message, remedy) => problems.push({ path, field: fieldName(path), message, remedy });
  checkNames(nodes, report);
  checkVerification(config, nodes, report);
  checkHosts(config, report);
  checkPatching(config, report);
  checkPower(config, report);
  if (config.mail) checkMail(config.mail, report);
  checkSchedules(config, report);
  checkNodeSelection(
    listOf<unknown>(config.rollingUpdate?.nodes),
    nodes.map((node) => node?.name),
    (index, message, remedy) => report(['rollingUpdate', 'nodes', index], message, remedy),
  );
  if (lacksTimeZone(config.rollingUpdate ?? {})) {
    report(['rollingUpdate', 'timeZone'], MISSING_TIME_ZONE.message, MISSING_TIME_ZONE.remedy);
  }
  if (lacksTimeZone(config.patching ?? {})) {
    report(['patching', 'timeZone'], MISSING_TIME_ZONE.message, MISSING_TIME_ZONE.remedy);
  }
  return problems;
}

function checkNames(nodes: ReturnType<typeof listOf<UncheckedNode>>, report: Report): void {
  nodes.forEach((node, index) => {
    const first = nodes.findIndex((other) => other?.name === node?.name);
    if (typeof node?.name !== 'string' || first === index) return;
    report(['cluster', 'nodes', index, 'name'], `is the name of node number ${first + 1} too`, 'Give each node once.');
  });
}

function checkVerification(config: Unchecked, nodes: ReturnType<typeof listOf<UncheckedNode>>, report: Report): void {
  nodes.forEach((node, index) => {
    if (typeof node !== 'object' || node === null) return;
    if (config.cluster?.api?.caFile === undefined && node.api?.fingerprint === undefined) {
      report(
        ['cluster', 'nodes', index, 'api', 'fingerprint'],
        "is missing, so the node's certificate cannot be verified",
        'Add the fingerprint that `pvenode cert info` shows on the node, or give cluster.api.caFile for all nodes.',
      );
    }
    if (config.cluster?.ssh?.knownHosts === undefined && node.ssh?.hostKey === undefined) {
      report(
        ['cluster', 'nodes', index, 'ssh', 'hostKey'],
        "is missing, so the node's SSH host key cannot be verified",
        'Add the SHA256:… fingerprint that `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows on the node, or give cluster.ssh.knownHosts for all nodes.',
      );
    }
  });
}

function checkSchedules({ schedules, rollingUpdate, patching }: Unchecked, report: Report): void {
  const weekly = schedules?.weeklyUpdates;
  if (typeof weekly === 'object' && weekly !== null && listOf<unknown>(patching?.weekly).length === 0) {
    report(
      ['schedules', 'weeklyUpdates'],
      'has nothing to patch, for patching.weekly names no group',
      'Write the groups there, such as [lxc, docker-vms], or remove this schedule.',
    );
  }
  const approval = rollingUpdate?.approval ?? 'none';
  if (typeof schedules?.nodeUpdate !== 'object' || schedules.nodeUpdate === null || approval === 'none') return;
  report(
    ['schedules', 'nodeUpdate'],
    'starts with nobody at the keyboard, and rollingUpdate.approval waits for a person',
    'Use schedules.nodePlan, which mails the plan, and start the update yourself; or write approval: none.',
  );
}

function checkMail({ host, security, user, password }: UncheckedMail, report: Report): void {
  if ((user === undefined) !== (password === undefined)) {
    const missing = user === undefined ? 'user' : 'password';
    report(['mail', missing], 'is missing', 'A login needs mail.user and mail.password. Add it, or remove the other.');
  }
  if (password !== undefined && security === 'none' && host !== 'localhost' && host !== '127.0.0.1') {
    report(
      ['mail', 'security'],
      'would send the password in clear text',
      'Write starttls or tls, or remove mail.user and mail.password.',
    );
  }
}

export const MISSING_TIME_ZONE = {
  message: 'is missing, so nobody knows whose clock the windows go by',
  remedy: 'Add the IANA name of the time zone, such as Europe/Berlin.',
};

/** No default would do: a worker in a container runs on UTC, which is rarely what "03:00" means. */
export function lacksTimeZone(policy: { readonly windows?: unknown; readonly timeZone?: unknown }): boolean {
  return listOf<unknown>(policy.windows).length > 0 && (policy.timeZone ?? null) === null;
}

/** Nodes to update must be configured, each once. `report` gets the index of a wrong one. */
export function checkNodeSelection(
  selected: readonly unknown[],
  configured: readonly unknown[],
  report: (index: number, message: string, remedy: string) => void,
): void {
  const names = [...new Set(configured.filter((name) => typeof name === 'string'))];
  selected.forEach((name, index) => {
    if (typeof name !== 'string') return;
    if (selected.indexOf(name) !== index) return report(index, `names ${name} a second time`, 'Give each node once.');
    if (names.includes(name)) return;
    const guess = nearest(name, names);
    const known = `Configured nodes: ${names.join(', ') || 'none'}.`;
    report(
      index,
      `is ${name}, which is not a configured node`,
      guess === null ? known : `Did you mean ${guess}? ${known}`,
    );
  });
}
