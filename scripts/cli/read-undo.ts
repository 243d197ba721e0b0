import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { undoLaterId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { UndoView } from '../../domain/undo.ts';
import type { Session } from './context.ts';

const ANSWER_TIMEOUT_MS = 5_000;

/** What an earlier run has left on a node, and the run that goes on with it, or did. */
export interface LeftOnNode {
  readonly node: string;
  readonly handle: WorkflowHandle;
  /** When that ended with something open, which is a person's since; ISO 8601. Null while it goes on. */
  readonly givenUpAt: string | null;
  /** Null while it does not answer. */
  readonly view: UndoView | null;
}

/**
 * Nodes of the configuration on which something is still to be undone, or was when it was given up: nobody knows what a
 * person has done about it since. They are asked by their ids: a list may lag behind.
 */
export async function readLeftovers({ client, config }: Session): Promise<LeftOnNode[]> {
  const { name, nodes } = config.cluster;
  const found = await Promise.all(
    nodes.map(async ({ name: node }): Promise<LeftOnNode[]> => {
      const handle = client.workflow.getHandle(undoLaterId(name, node));
      const life = await describeLife(handle);
      if (life === null) return [];
      const view = await readView(handle);
      const nothing = life.givenUpAt !== null && view?.open.length === 0;
      return nothing ? [] : [{ node, handle, ...life, view }];
    }),
  );
  return found.flat();
}

/** Null where nothing was ever left, or all was undone. */
async function describeLife(handle: WorkflowHandle): Promise<Pick<LeftOnNode, 'givenUpAt'> | null> {
  try {
    const { status, closeTime } = await handle.describe();
    if (status.name === 'COMPLETED') return null;
    return { givenUpAt: closeTime?.toISOString() ?? null };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
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
