import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import type { ExitCode } from '../terminal.ts';

/** Lets a paused run go on. */
export function resume(session: Session, flags: { readonly json?: boolean }): Promise<ExitCode> {
  return request(session, { name: Message.resume, done: 'The run goes on.', lasting: true }, flags);
}
