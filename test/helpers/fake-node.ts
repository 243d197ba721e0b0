import { ProxmoxError, type ClusterStatus, type ProxmoxClient } from '../../clients/proxmox/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import { answered, clientError, exited, onlyExpected } from './fake-deps.ts';
import type { FakePower } from './fake-power.ts';

/** The node pve2 as it can be reached in a test; what is done to it is written down. */
export interface FakeNode {
  /** Its own API; an Error is what calls end with. */
  api: 'up' | 'silent' | Error;
  ssh: 'up' | 'silent' | 'refused' | Error;
  /** Whether pve1 counts it online; null: pve1 does not answer. */
  onlineForPve1: boolean | null;
  /** What the shutdown that each way is asked for ends with. */
  refusals: { own?: Error; other?: Error; ssh?: Error | string };
  bootId: string;
  /** As systemd names it. */
  state: 'running' | 'stopping';
  /** Done to it, or sent for it. */
  readonly calls: string[];
  /** When something is looked at: lets the world go on. */
  onLook: () => void;
}

export function aNode(changes: Partial<FakeNode> = {}): FakeNode {
  return {
    ...{
      api: 'up',
      ssh: 'up',
      onlineForPve1: true,
      refusals: {},
      bootId: 'boot-1',
      state: 'running',
      onLook: () => undefined,
    },
    ...changes,
    calls: [],
  };
}

const gone = (type: 'ProxmoxUnreachable', what: string) =>
  new ProxmoxError({
    ...{ type, outcome: 'retryable', reason: what, method: 'GET', path: '/version' },
    ...{ endpoint: 'pve2 (10.0.0.2:8006)', remedy: 'Check it.' },
  });

const SSH_ENDS = {
  silent: new SshError('SshTimeout', 'retryable', 'root@pve2:22', 'no connection within 5000 ms'),
  refused: new SshError(
    'SshUnreachable',
    'retryable',
    'root@pve2:22',
    'cannot connect',
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  ),
} as const;

/** The world around it: pve1 beside it, as far as it is there. */
export function worldOf(node: FakeNode): Pick<FakePower, 'proxmox' | 'exec'> {
  const throughOwn = async <T>(result: () => T): Promise<T> => {
    node.onLook();
    if (node.api === 'up') return Promise.resolve(result());
    throw node.api === 'silent' ? gone('ProxmoxUnreachable', 'connect ETIMEDOUT') : node.api;
  };
  const throughPve1 = async <T>(result: () => T): Promise<T> => {
    if (node.onlineForPve1 === null) throw gone('ProxmoxUnreachable', 'pve1: connect ETIMEDOUT');
    return Promise.resolve(result());
  };
  const told = (way: string, refusal: Error | undefined) => {
    if (refusal) throw refusal;
    node.calls.push(way);
  };
  const own = onlyExpected<ProxmoxClient>('its own API', {
    version: () => throughOwn(() => ({ version: '9.2', release: '9.2' })),
    shutdownNode: () => throughOwn(() => told('shutdown by its API', node.refusals.own)),
  });
  const status = (): ClusterStatus => {
    const member = (name: string, online: boolean) => ({
      name,
      nodeId: 1,
      address: '',
      online,
      local: name === 'pve1',
    });
    return {
      name: 'homelab',
      quorate: true,
      nodes: [member('pve1', true), member('pve2', node.onlineForPve1 === true)],
    };
  };
  const others = onlyExpected<ProxmoxClient>('the API of pve1', {
    clusterStatus: () => throughPve1(status),
    shutdownNode: () => throughPve1(() => told('shutdown by pve1', node.refusals.other)),
    wakeNode: () => throughPve1(() => (told('packet by pve1', node.refusals.other), '02:00:00:00:00:02')),
  });
  return {
    proxmox: { with: ({ via, avoid }) => (via === 'pve2' ? own : avoid?.includes('pve2') ? others : own) },
    exec: (_name, line) => {
      if (node.ssh instanceof Error) throw node.ssh;
      if (node.ssh !== 'up') throw SSH_ENDS[node.ssh];
      if (line === 'true') return answered('');
      if (line === 'cat /proc/sys/kernel/random/boot_id') return answered(`${node.bootId}\n`);
      if (line === 'systemctl is-system-running') return answered(`${node.state}\n`);
      if (!line.includes('systemctl poweroff')) throw new Error(`the test did not expect "${line}"`);
      if (!line.includes(` = ${node.bootId} ] && `)) return exited(1, '');
      if (typeof node.refusals.ssh === 'string') return exited(1, node.refusals.ssh);
      told('poweroff over SSH', node.refusals.ssh);
      return answered('');
    },
  };
}

/** A call whose answer was lost. */
export const UNKNOWN = clientError('unknown', 'the answer was lost');
