import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import type { ExitCode } from '../terminal.ts';

/** Agrees to what the run waits for. */
export function approve(session: Session, flags: { readonly json?: boolean }): Promise<ExitCode> {
  return request(session, { name: Message.approve, done: 'Approved; the run goes on.', lasting: false }, flags);
}
