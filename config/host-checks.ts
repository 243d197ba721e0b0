import { listOf, type Report } from './unchecked.ts';

/** What {@link checkHosts} may find. */
export interface UncheckedInventory {
  readonly cluster?: { readonly ssh?: { readonly knownHosts?: unknown }; readonly nodes?: unknown };
  readonly hostDefaults?: { readonly ssh?: { readonly knownHosts?: unknown; readonly port?: unknown } };
  readonly hosts?: unknown;
}

interface UncheckedHost {
  readonly name?: unknown;
  readonly address?: unknown;
  readonly vmid?: unknown;
  readonly kind?: unknown;
  readonly via?: unknown;
  readonly groups?: unknown;
  readonly exempt?: unknown;
  readonly ssh?: { readonly hostKey?: unknown; readonly port?: unknown };
}

/** Checks that every host is one of its own, is no node, and can be told from an impostor. */
export function checkHosts(config: UncheckedInventory, report: Report): void {
  const hosts = listOf<UncheckedHost>(config.hosts);
  checkUnique(hosts, report, {
    path: ['name'],
    of: ({ name }) => name,
    remedy: 'Give each host a name of its own.',
  });
  checkUnique(hosts, report, {
    path: ['vmid'],
    of: ({ vmid }) => vmid,
    remedy: 'Each guest is one host: correct one of them, or remove it.',
  });
  checkUnique(hosts, report, {
    path: ['address'],
    of: (host) =>
      typeof host.address === 'string' && isReachedBySsh(host)
        ? JSON.stringify([host.address, host.ssh?.port ?? config.hostDefaults?.ssh?.port ?? 22])
        : undefined,
    remedy: 'Correct one of them, or remove it: a host that is listed twice would be worked on twice at a time.',
  });
  checkGroups(hosts, report);
  checkNoNodes(hosts, config.cluster?.nodes, report);
  checkHostKeys(config, hosts, report);
  checkWays(hosts, report);
}

type Hosts = readonly (UncheckedHost | null | undefined)[];

function checkUnique(
  hosts: Hosts,
  report: Report,
  key: { readonly path: readonly string[]; readonly of: (host: UncheckedHost) => unknown; readonly remedy: string },
): void {
  const values = hosts.map((host) => (host ? key.of(host) : undefined));
  values.forEach((value, index) => {
    const first = values.indexOf(value);
    if (value === undefined || first === index) return;
    report(['hosts', index, ...key.path], `is that of host number ${first + 1} too`, key.remedy);
  });
}

/** `caretaker hosts NAME` takes both. */
function checkGroups(hosts: Hosts, report: Report): void {
  const names = new Set(hosts.map((host) => host?.name));
  hosts.forEach((host, index) => {
    listOf<unknown>(host?.groups).forEach((group, position) => {
      if (typeof group !== 'string' || !names.has(group)) return;
      report(
        ['hosts', index, 'groups', position],
        `is ${group}, which is also the name of a host`,
        'Rename one of them.',
      );
    });
  });
}

/** A node is updated by a rolling update, which takes its guests and its quorum into account. */
function checkNoNodes(hosts: Hosts, given: unknown, report: Report): void {
  const nodes = listOf<{ readonly name?: unknown; readonly address?: unknown }>(given);
  const remedy = 'Remove it here: nodes are updated by `caretaker update`, never as hosts.';
  hosts.forEach((host, index) => {
    for (const key of ['name', 'address'] as const) {
      const value = host?.[key];
      if (typeof value !== 'string' || isLoopback(value) || !nodes.some((node) => node?.[key] === value)) continue;
      report(['hosts', index, key], 'is that of a node of the cluster', remedy);
      return;
    }
  });
}

/** Behind forwarded ports, machines share the address of this one. */
function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

function checkHostKeys(config: UncheckedInventory, hosts: Hosts, report: Report): void {
  if ((config.hostDefaults?.ssh?.knownHosts ?? config.cluster?.ssh?.knownHosts) !== undefined) return;
  hosts.forEach((host, index) => {
    if (typeof host !== 'object' || host === null) return;
    if (host.ssh?.hostKey !== undefined || host.exempt !== undefined || !isReachedBySsh(host)) return;
    report(
      ['hosts', index, 'ssh', 'hostKey'],
      "is missing, so the host's SSH host key cannot be verified",
      'Add the SHA256:… fingerprint that `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows on the host, or give hostDefaults.ssh.knownHosts for all hosts.',
    );
  });
}

function isReachedBySsh({ via }: UncheckedHost): boolean {
  return via !== 'pct' && via !== 'agent';
}

/** Through Proxmox only a guest is reached, and each kind of guest in its own way. */
function checkWays(hosts: Hosts, report: Report): void {
  hosts.forEach((host, index) => {
    if (!host || isReachedBySsh(host)) return;
    if (host.vmid === undefined) {
      const remedy = 'Add the vmid of the guest, or write via: ssh.';
      report(['hosts', index, 'vmid'], `is missing, and via: ${String(host.via)} needs it`, remedy);
    }
    const [kind, other] = host.via === 'pct' ? ['lxc', 'agent'] : ['vm', 'pct'];
    if (host.kind === undefined || host.kind === kind) return;
    const remedy = `Write via: ${other} or via: ssh, or correct the kind.`;
    report(['hosts', index, 'via'], `is for guests of the kind ${kind} alone, and this one is not`, remedy);
  });
}
