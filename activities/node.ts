import type { ExecResult } from '../clients/ssh/index.ts';
import type { NodeHealth, NodeSoftware } from '../domain/cluster.ts';
import { kernelOfPackage } from '../planning/kernels.ts';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { ActivityDeps } from './deps.ts';
import { isClientError, isTrustError, NoClearAnswer } from './guard.ts';

/** So often the package lists are refreshed before a failure is taken for one of the configuration. */
const REFRESH_TRIES = 3;

export interface BootState {
  /** Changes at every boot. */
  readonly bootId: string;
  readonly runningKernel: string;
}

export function createNodeActivities(deps: ActivityDeps) {
  return {
    /**
     * Pending upgrades, kernels and boot id of a node. With `refresh` the package lists are fetched first, as
     * `apt-get update` does; that it fails for good is part of the answer. Sources: `/nodes/{node}/apt/*`, proxmox-boot-tool(8) pins, `/proc`.
     */
    async readNodeSoftware({ node, refresh }: { node: string; refresh: boolean }): Promise<NodeSoftware> {
      const refreshError = refresh ? await refreshPackageLists(deps, node) : null;
      const [pending, versions, boot] = await Promise.all([
        deps.proxmox.pendingPackages(node),
        deps.proxmox.packageVersions(node),
        readBootAndPins(deps, node),
      ]);
      const installed = versions
        .filter((each) => each.state === 'Installed')
        .flatMap((each) => kernelOfPackage(each.name) ?? []);
      return {
        node,
        refreshError,
        pending: pending
          .map((each) => ({ name: each.name, from: each.from ?? null, to: each.to }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
        kernels: {
          running: boot.runningKernel,
          installed,
          pinned: boot.pinned,
          nextBoot: boot.nextBoot,
          canPin: boot.canPin,
        },
        bootId: boot.bootId,
      };
    },

    /**
     * The node by its own word and by that of the others. All must answer: what is not seen now would not be asked for
     * when the node comes back.
     */
    readNodeHealth({ node }: { node: string }): Promise<NodeHealth> {
      return readHealth(deps, node, (answer) => answer);
    },
  };
}

/** The health of a node that may be down: what does not answer, for whatever reason, is missing and no error. */
export function readHealthSoFar(deps: ActivityDeps, node: string): Promise<NodeHealth> {
  return readHealth(deps, node, ifAnswered);
}

type Ask = <T>(answer: Promise<T>) => Promise<T | null>;

async function readHealth(deps: ActivityDeps, node: string, ask: Ask): Promise<NodeHealth> {
  const { proxmox } = deps;
  const others = proxmox.avoid(node);
  const [peers, own, boot, services, storages, lrmFresh] = await Promise.all([
    ask(others.clusterStatus()),
    ask(proxmox.via(node).clusterStatus()),
    ask(readBootState(deps, node)),
    ask(others.services(node)),
    ask(others.storages(node)),
    ask(readLrmFresh(deps, node)),
  ]);
  return {
    node,
    onlineForPeers: peers?.nodes.find((each) => each.name === node)?.online ?? false,
    peersQuorate: peers?.quorate ?? false,
    ownQuorate: own?.quorate ?? null,
    bootId: boot?.bootId ?? null,
    runningKernel: boot?.runningKernel ?? null,
    activeServices: (services ?? [])
      .filter((service) => service.activeState === 'active' || service.state === 'running')
      .map((service) => service.name),
    activeStorages: (storages ?? []).filter((storage) => storage.enabled && storage.active).map((each) => each.storage),
    lrmFresh: lrmFresh ?? null,
  };
}

export async function readBootState(deps: ActivityDeps, node: string): Promise<BootState> {
  const result = await deps.ssh(node).exec('cat /proc/sys/kernel/random/boot_id && uname -r', {
    timeoutMs: 20_000,
    signal: cancellationSignal(),
  });
  const [bootId = '', runningKernel = ''] = lines(succeeded(result, node, 'read the boot id'));
  return { bootId, runningKernel };
}

/** What runs, and the pins as they are in their files: the boot loader knows of them after a refresh. */
export async function readBootAndPins(deps: ActivityDeps, node: string) {
  const pin = (name: string) => `printf '%s=' ${name}; cat /etc/kernel/${name} 2>/dev/null | head -n 1; echo`;
  const script = [
    'cat /proc/sys/kernel/random/boot_id && uname -r || exit 1',
    pin('proxmox-boot-pin'),
    pin('next-boot-pin'),
    'command -v proxmox-boot-tool >/dev/null && echo proxmox-boot-tool=yes; true',
  ].join('\n');
  const result = await deps.ssh(node).exec(script, { timeoutMs: 20_000, signal: cancellationSignal() });
  const [bootId = '', runningKernel = '', ...pins] = lines(succeeded(result, node, 'read kernels'));
  const pinned = (name: string) => pins.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) || null;
  return {
    bootId,
    runningKernel,
    pinned: pinned('proxmox-boot-pin'),
    nextBoot: pinned('next-boot-pin'),
    canPin: pinned('proxmox-boot-tool') !== null,
  };
}

/** Null when it was done, else why not, in the words of apt. A mirror or the name service gets a second chance. */
async function refreshPackageLists(deps: ActivityDeps, node: string): Promise<string | null> {
  const { proxmox } = deps;
  const task = { node, type: 'aptupdate' };
  const upid =
    (await proxmox.findRunningTask(task)) ??
    (await proxmox.startTask({ ...task, post: () => proxmox.refreshPackages(node) }));
  const result = await proxmox.task(upid).follow({ signal: cancellationSignal() });
  if (result.status !== 'failed') return null;
  const complaints = result.log.filter((line) => /^(E|Err|W):/.test(line.trim()));
  const why = [...(complaints.length > 0 ? complaints : result.log.slice(-5)), result.exitstatus].join('\n');
  if (activityInfo().attempt >= REFRESH_TRIES) return why;
  throw new NoClearAnswer(`${node}: the package lists cannot be refreshed: ${why}`);
}

/** The node's LRM writes its state every few seconds; the cluster marks the one that stopped doing so. */
async function readLrmFresh(deps: ActivityDeps, node: string): Promise<boolean | null> {
  const line = (await deps.proxmox.avoid(node).haStatus()).find((each) => each.type === 'lrm' && each.node === node);
  return line ? !/old timestamp|unable to read/.test(line.status) : null;
}

async function ifAnswered<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isClientError(error) && !isTrustError(error)) return null;
    throw error;
  }
}

function succeeded(result: ExecResult, node: string, task: string): string {
  if (result.code === 0) return result.stdout;
  // While a node boots or goes down, it may take the connection and still run nothing.
  throw new NoClearAnswer(
    `${node}: cannot ${task}: exit code ${result.code ?? result.signal}, ${result.stderr.trim()}`,
  );
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
