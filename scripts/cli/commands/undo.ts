import { Message } from '../../../domain/messages.ts';
import type { Session } from '../context.ts';
import { readLeftovers, type LeftOnNode } from '../read-undo.ts';
import { renderLeftovers } from '../render/undo.ts';
import { ask, type OperatorRequest } from '../request.ts';
import { CliError, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

interface Flags {
  readonly json?: boolean;
}

/** Shows what earlier runs could not take back. */
export async function undo(session: Session, { json = false }: Flags): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const leftovers = await readLeftovers(session);
  if (json) printJson(stdout, leftovers.map(withoutHandle));
  else if (leftovers.length === 0) printLine(stdout, `Nothing is left to be undone on ${session.config.cluster.name}.`);
  else printLine(stdout, renderLeftovers(leftovers, layoutFor(stdout, env)));
  return 0;
}

/** Has it tried now, on one node or on all. */
export async function retryUndo(session: Session, node: string | undefined, flags: Flags): Promise<ExitCode> {
  const chosen = (await requireLeftovers(session)).filter((each) => node === undefined || each.node === node);
  if (chosen.length === 0) throw nothingOn(session, node);
  return tellEach(session, chosen, { name: Message.retryNow, done: 'It is tried now.', lasting: false }, flags);
}

/** Leaves all that is open on a node to people, or one entry. */
export async function forgetUndo(
  session: Session,
  node: string,
  entry: string | undefined,
  flags: Flags,
): Promise<ExitCode> {
  const [left] = (await requireLeftovers(session)).filter((each) => each.node === node);
  if (left === undefined) throw nothingOn(session, node);
  const wanted = { name: Message.forget, done: 'It is left to you.', lasting: false };
  return tellEach(session, [left], entry === undefined ? wanted : { ...wanted, argument: entry }, flags);
}

async function tellEach(
  session: Session,
  leftovers: readonly LeftOnNode[],
  wanted: OperatorRequest,
  { json = false }: Flags,
): Promise<ExitCode> {
  const { stdout } = session.terminal;
  const answers: { readonly node: string; readonly answer: string }[] = [];
  for (const { node, handle } of leftovers) answers.push({ node, answer: await ask(session, handle, wanted) });
  if (json) printJson(stdout, answers);
  else for (const { node, answer } of answers) printLine(stdout, `${node}: ${answer}`);
  return 0;
}

async function requireLeftovers(session: Session): Promise<LeftOnNode[]> {
  const leftovers = (await readLeftovers(session)).filter(({ givenUpAt }) => givenUpAt === null);
  if (leftovers.length > 0) return leftovers;
  throw nothingOn(session, undefined);
}

function nothingOn({ config }: Session, node: string | undefined): CliError {
  const where = node ?? config.cluster.name;
  return new CliError(`Nothing is being tried on ${where}. See what was given up with: caretaker undo.`, 1);
}

function withoutHandle({ node, givenUpAt, view }: LeftOnNode) {
  return { node, givenUpAt, view };
}
