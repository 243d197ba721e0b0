import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import type { ExitCode } from '../terminal.ts';

/** Lets a run begin outside the maintenance windows. */
export function goNow(session: Session, flags: { readonly json?: boolean }): Promise<ExitCode> {
  const done = 'The run begins outside the maintenance windows from now on.';
  return request(session, { name: Message.goNow, done, lasting: true }, flags);
}
