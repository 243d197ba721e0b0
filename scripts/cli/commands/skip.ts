import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import type { ExitCode } from '../terminal.ts';

/** Leaves out a node whose turn has not come. */
export function skip(session: Session, node: string, flags: { readonly json?: boolean }): Promise<ExitCode> {
  return request(
    session,
    { name: Message.skipNode, argument: node, done: `${node} is left out.`, lasting: false },
    flags,
  );
}
