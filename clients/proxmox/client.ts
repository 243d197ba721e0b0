import { createAgentCalls, type AgentCalls } from './agent.ts';
import { createFailover, type CallScope, type Params, type RawCalls } from './failover.ts';
import type { EndpointOptions } from './endpoint.ts';
import { createGuestCalls, type GuestCalls } from './guests.ts';
import { createClusterCalls, type ClusterCalls } from './cluster.ts';
import { createNodeCalls, type NodeCalls } from './nodes.ts';
import { createSnapshotCalls, type SnapshotCalls } from './snapshots.ts';
import { createTaskCalls, type TaskCalls, type TaskPace } from './tasks.ts';

export interface ProxmoxClientOptions {
  /** One an API listener, normally one a node; `node` is the cluster's name for it. */
  readonly endpoints: readonly EndpointOptions[];
  /** Gives the token as `user@realm!id=uuid`; asked anew for each call, never kept and never written anywhere. */
  readonly token: () => Promise<string>;
  /** Milliseconds. `connect` includes TLS (default 5 s); `total` bounds one answer of one endpoint (default 45 s). */
  readonly timeouts?: { readonly connect?: number; readonly total?: number };
  /** Milliseconds between polls: of a task (default 2 s), between tries of a call (default 500 ms). */
  readonly pace?: Partial<TaskPace> & { readonly retry?: number };
}

/**
 * A Proxmox VE cluster by its REST API. Every failure is a `ProxmoxError`; an aborted `signal` rejects with its reason.
 * Calls about `/nodes/{node}/…` ask another node first and that node itself last, since any node answers for all.
 */
export interface ProxmoxClient extends ClusterCalls, NodeCalls, GuestCalls, AgentCalls, SnapshotCalls, TaskCalls {
  /** The same client asking never the nodes named, such as one that is going down. */
  avoid(...nodes: readonly string[]): ProxmoxClient;
  /** The same client asking this node alone: its own view of the cluster. */
  via(node: string): ProxmoxClient;
  /** The same client with any of: nodes to avoid, one node to ask, a signal that ends its calls. */
  with(scope: CallScope): ProxmoxClient;
  /** A GET below `/api2/json`; returns `data` as it came. Prefer the typed methods. */
  get(path: string, params?: Params): Promise<unknown>;
  /** A POST below `/api2/json`; returns `data` as it came. Prefer the typed methods. */
  post(path: string, params?: Params): Promise<unknown>;
  /** Closes the connections of this client and of all made from it. */
  close(): Promise<void>;
}

/** Throws a plain Error, naming endpoint and remedy, if an endpoint has neither CA nor fingerprint. */
export function createProxmoxClient(options: ProxmoxClientOptions): ProxmoxClient {
  const failover = createFailover({
    endpoints: options.endpoints,
    token: options.token,
    connectMs: options.timeouts?.connect ?? 5_000,
    // Above the 30 s after which a proxying node gives up, so that its 596 arrives here.
    totalMs: options.timeouts?.total ?? 45_000,
    retryMs: options.pace?.retry ?? 500,
  });
  const pace: TaskPace = { taskPoll: options.pace?.taskPoll ?? 2_000 };

  function scoped(scope: CallScope): ProxmoxClient {
    const calls: RawCalls = failover.scoped(scope);
    return {
      ...createClusterCalls(calls),
      ...createNodeCalls(calls),
      ...createGuestCalls(calls),
      ...createAgentCalls(calls),
      ...createSnapshotCalls(calls),
      ...createTaskCalls(calls, pace),
      get: (path, params) => calls.get(path, params),
      post: (path, params) => calls.post(path, params),
      avoid: (...nodes) => scoped({ ...scope, avoid: [...(scope.avoid ?? []), ...nodes] }),
      via: (node) => scoped({ ...scope, via: node }),
      with: (more) => scoped({ ...scope, ...more, avoid: [...(scope.avoid ?? []), ...(more.avoid ?? [])] }),
      close: () => failover.close(),
    };
  }
  return scoped({});
}
