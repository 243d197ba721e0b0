import type { NodeSoftware, PackageUpdate } from '../../domain/cluster.ts';
import type { RepositoryCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';

export function heldPackages(node: string, held: readonly string[]): Finding[] {
  if (held.length === 0) return [];
  return [
    warning({
      code: 'packages-held',
      node,
      message: `${held.length === 1 ? 'one package is' : `${held.length} packages are`} held back on ${node} and will not be upgraded`,
      evidence: held.join(' '),
      remedy: `when the reason is gone: apt-mark unhold ${held.join(' ')}`,
    }),
  ];
}

export function brokenPackages(node: string, audit: string): Finding[] {
  if (audit.trim() === '') return [];
  return [
    blocker({
      code: 'packages-broken',
      node,
      message: `packages of ${node} are not fully installed, left over from an upgrade that failed or was interrupted`,
      evidence: audit.trim(),
      remedy: `on ${node}: dpkg --configure -a, then apt-get -f install; an override lets the run begin with that`,
    }),
  ];
}

/** What keeps apt from fetching its lists: seen when they were refreshed, or to be expected from what is configured. */
export function repositoryProblems(
  { node, refreshError }: Pick<NodeSoftware, 'node' | 'refreshError'>,
  repositories: RepositoryCondition | null,
): Finding[] {
  const found: Finding[] = [];
  const remedy =
    'mend the repositories in the web interface (node, Updates, Repositories); without a subscription: disable ' +
    'the enterprise repository and add the no-subscription one';
  const unpaid =
    repositories?.enterprise === true && repositories.subscription !== null && repositories.subscription !== 'active';
  if (refreshError !== null) {
    found.push(
      blocker({
        code: 'repository-error',
        node,
        message: `the package lists of ${node} cannot be refreshed`,
        evidence: refreshError,
        remedy,
      }),
    );
  } else if (unpaid) {
    found.push(
      blocker({
        code: 'repository-error',
        node,
        message: `${node} uses the enterprise repository without a valid subscription, so apt would be refused (401)`,
        evidence: `subscription: ${repositories.subscription ?? 'none'}`,
        remedy,
      }),
    );
  }
  if (repositories && repositories.errors.length > 0) {
    found.push(
      blocker({
        code: 'repository-error',
        node,
        message: `apt cannot read the list of repositories of ${node}`,
        evidence: repositories.errors.join('\n'),
        remedy,
      }),
    );
  }
  if (repositories && repositories.warnings.length > 0) {
    found.push(
      warning({
        code: 'repository-warning',
        node,
        message: `Proxmox warns about the repositories of ${node}`,
        evidence: repositories.warnings.join('\n'),
        remedy: 'look at them in the web interface (node, Updates, Repositories)',
      }),
    );
  }
  return found;
}

/** Packages whose first number is the release of Proxmox VE or of Debian below it. */
const RELEASES: Readonly<Record<string, string>> = {
  'pve-manager': 'Proxmox VE',
  'proxmox-ve': 'Proxmox VE',
  'base-files': 'Debian',
};

/** A new major release is its own work, with its own checklist: never something that happens by the way at night. */
export function majorUpgrade(node: string, pending: readonly PackageUpdate[]): Finding[] {
  const jumps = pending.flatMap(({ name, from, to }) => {
    const product = RELEASES[name];
    const [before, after] = [majorOf(from), majorOf(to)];
    return product !== undefined && before !== null && after !== null && after > before
      ? [{ product, name, from, to, before, after }]
      : [];
  });
  const [first] = jumps;
  if (!first) return [];
  return [
    blocker({
      code: 'major-upgrade',
      node,
      message: `the upgrade would take ${node} from ${first.product} ${first.before} to ${first.after}, a new major release`,
      evidence: jumps.map(({ name, from, to }) => `${name} ${from} → ${to}`).join('\n'),
      remedy: `set the repositories back to the present release, or do this upgrade by hand with its checklist (pve${first.product === 'Proxmox VE' ? `${first.before}to${first.after}` : 'XtoY'} --full)`,
    }),
  ];
}

/** `9.2.10` → 9, `1:13.8+deb13u1` → 13. */
function majorOf(version: string | null): number | null {
  const match = /^(?:\d+:)?(\d+)\./.exec(version ?? '');
  return match ? Number(match[1]) : null;
}
