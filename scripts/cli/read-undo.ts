import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { undoLaterId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { UndoView } from '../../domain/undo.ts';
import type { Session } from './context.ts';

const ANSWER_TIMEOUT_MS = 5_000;

/** What an earlier run has left on a node, and the run that goes on with it. */
export interface LeftOnNode {
  readonly node: string;
  readonly handle: WorkflowHandle;
  /** Null while it does not answer. */
  readonly view: UndoView | null;
}

/** Nodes of the configuration on which something is still to be undone. They are asked by their ids: a list may lag behind. */
export async function readLeftovers({ client, config }: Session): Promise<LeftOnNode[]> {
  const { name, nodes } = config.cluster;
  const found = await Promise.all(
    nodes.map(async ({ name: node }): Promise<LeftOnNode[]> => {
      const handle = client.workflow.getHandle(undoLaterId(name, node));
      return (await isRunning(handle)) ? [{ node, handle, view: await readView(handle) }] : [];
    }),
  );
  return found.flat();
}

async function isRunning(handle: WorkflowHandle): Promise<boolean> {
  try {
    return (await handle.describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function readView(handle: WorkflowHandle): Promise<UndoView | null> {
  try {
    return await handle.client.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () => handle.query<UndoView>(Message.undo));
  } catch {
    // Whatever keeps it from answering: that something is left there is known, and shall be shown.
    return null;
  }
}
