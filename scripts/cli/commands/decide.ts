import type { Answer } from '../../../domain/decision.ts';
import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import type { ExitCode } from '../terminal.ts';

/** Answers the open question of the run. */
export function decide(session: Session, answer: Answer, flags: { readonly json?: boolean }): Promise<ExitCode> {
  return request(session, { name: Message.decide, argument: answer, done: 'The run goes on.', lasting: false }, flags);
}
