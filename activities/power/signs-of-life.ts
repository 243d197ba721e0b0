import { ProxmoxError, type ProxmoxClient } from '../../clients/proxmox/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import { ask, type Answer } from './ask.ts';
import type { PowerDeps } from './deps.ts';

/** Milliseconds for one sign of life. */
const LOOK_MS = 5_000;

/** `refused`: a system runs there, though the service does not. `silent`: nothing came back. */
export type Sign = 'answers' | 'refused' | 'silent';

/** The API of a node by its own endpoint, not by that of another node. */
export function ownApi({ proxmox }: PowerDeps, node: string, signal: AbortSignal): ProxmoxClient {
  return proxmox.with({ via: node, signal });
}

/** The API of the cluster by every node but this one. */
export function othersApi({ proxmox }: PowerDeps, node: string, signal: AbortSignal): ProxmoxClient {
  return proxmox.with({ avoid: [node], signal });
}

/** Its API takes calls: `GET /version`. */
export async function isApiUp(deps: PowerDeps, node: string): Promise<boolean> {
  return 'value' in (await askVersion(deps, node));
}

/** An API that refuses a call is one that answers. */
export async function signOfApi(deps: PowerDeps, node: string): Promise<Exclude<Sign, 'refused'>> {
  const answer = await askVersion(deps, node);
  if ('value' in answer) return 'answers';
  const { trouble } = answer;
  return trouble instanceof ProxmoxError && (trouble.type !== 'ProxmoxUnreachable' || trouble.status !== undefined)
    ? 'answers'
    : 'silent';
}

function askVersion(deps: PowerDeps, node: string) {
  return ask((signal) => ownApi(deps, node, signal).version(), LOOK_MS);
}

export async function signOfSsh(deps: PowerDeps, node: string): Promise<Sign> {
  return signIn(await ask((signal) => deps.ssh(node).exec('true', { timeoutMs: LOOK_MS, signal }), LOOK_MS));
}

/** What an answer over SSH says of the machine: one that shows another key, or takes no login, is there. */
export function signIn(answer: Answer<unknown>): Sign {
  if ('value' in answer) return 'answers';
  const { trouble } = answer;
  if (!(trouble instanceof SshError)) return 'silent';
  if (trouble.type === 'SshUnreachable') {
    return (trouble.cause as { code?: unknown } | undefined)?.code === 'ECONNREFUSED' ? 'refused' : 'silent';
  }
  return trouble.type === 'SshTimeout' ? 'silent' : 'answers';
}

/** Whether the other nodes count it online (`GET /cluster/status`); null when none of them answers. */
export async function isOnlineForOthers(deps: PowerDeps, node: string): Promise<boolean | null> {
  const answer = await ask((signal) => othersApi(deps, node, signal).clusterStatus(), LOOK_MS);
  if ('trouble' in answer) return null;
  return answer.value.nodes.find(({ name }) => name === node)?.online ?? false;
}
