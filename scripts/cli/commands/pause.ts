import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { request } from '../request.ts';
import { commandName, type ExitCode } from '../terminal.ts';

/** Holds the run at its next safe point. */
export function pause(session: Session, flags: { readonly json?: boolean }): Promise<ExitCode> {
  const command = commandName(session.terminal.env);
  const done = `The run holds at its next safe point. Go on with \`${command} resume\`.`;
  return request(session, { name: Message.pause, done, lasting: true }, flags);
}
