import type { Client, WorkflowHandle } from '@temporalio/client';
import { updateNodeId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { NodePhase, NodeProgress, RollProgress } from '../../domain/report.ts';
import { ifAnswered } from './temporal.ts';

const AT_REST: ReadonlySet<NodePhase> = new Set(['waiting', 'done', 'skipped', 'failed']);

/** Where a roll stands. It knows the phases of its nodes; where the guests are now, the run of the node is asked. */
export async function readProgress(client: Client, handle: WorkflowHandle): Promise<RollProgress> {
  const progress = await handle.query<RollProgress>(Message.progress);
  const nodes = await Promise.all(
    progress.nodes.map(async (node) =>
      AT_REST.has(node.phase) ? node : ((await askNode(client, progress.cluster, node.node)) ?? node),
    ),
  );
  return { ...progress, nodes };
}

/** The same, or null while no worker answers: the run itself is safe in Temporal. */
export async function readProgressIfAnswered(client: Client, handle: WorkflowHandle): Promise<RollProgress | null> {
  return ifAnswered(client, () => readProgress(client, handle));
}

/** Null when the run of the node has just ended or belongs to another node already: the roll's own news must do. */
async function askNode(client: Client, cluster: string, node: string): Promise<NodeProgress | null> {
  try {
    const progress = await client.workflow.getHandle(updateNodeId(cluster)).query<NodeProgress>(Message.progress);
    return progress.node === node && !AT_REST.has(progress.phase) ? progress : null;
  } catch {
    return null;
  }
}
