import { powerSettingsFor } from '../../../config/power.ts';
import { Message } from '../../../domain/messages.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { identityOf, type Session } from '../context.ts';
import { findOutage, findRestore, type PowerRun } from '../read-power.ts';
import { ask } from '../request.ts';
import { CliError, commandName, isAgreed, printJson, printLine, type ExitCode } from '../terminal.ts';

export interface OrderFlags {
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** What a person can order in a power cut. */
export interface PowerOrder {
  readonly name: 'hold' | 'release' | 'shed' | 'final' | 'abort' | 'retry';
  readonly description: string;
  readonly update: string;
  /** Which runs take it; the first that is there. */
  readonly of: readonly ('restore' | 'outage')[];
  /** What has to be agreed to first; absent: nothing. */
  readonly warning?: string;
}

export const ORDERS: readonly PowerOrder[] = [
  {
    name: 'hold',
    description: 'stay in this phase; a low battery, silence and an order of the NUT server still act',
    update: Message.holdPhase,
    of: ['outage'],
  },
  { name: 'release', description: 'let time count again after hold', update: Message.releasePhase, of: ['outage'] },
  {
    name: 'shed',
    description: 'begin phase 2 now',
    update: Message.shedNow,
    of: ['outage'],
    warning: 'The nodes of phase 2 and their guests shut down now.',
  },
  {
    name: 'final',
    description: 'begin phase 3 now: everything shuts down',
    update: Message.finalNow,
    of: ['outage'],
    warning: 'All nodes and their guests shut down now.',
  },
  {
    name: 'abort',
    description: 'take no further step in this power cut, or end the return as it stands',
    update: Message.abort,
    of: ['restore', 'outage'],
    warning: 'Nothing more is shut down for you while the battery runs down, and nothing more is brought back.',
  },
  {
    name: 'retry',
    description: 'try again now what has not come back',
    update: Message.retryNow,
    of: ['restore'],
  },
];

/** Gives an order to the run that answers the power cut, or that brings the site back, and prints its answer. */
export async function orderPower(session: Session, order: PowerOrder, flags: OrderFlags): Promise<ExitCode> {
  const { terminal } = session;
  const { ups } = powerSettingsFor(session.config);
  const run = await runThatTakes(session, ups, order);
  await requireAgreement(session, order, flags);
  const answer = await ask(session, run.handle, {
    name: order.update,
    done: `The run was told: ${order.name}.`,
    lasting: false,
    queue: TaskQueue.power,
  });
  if (flags.json) printJson(terminal.stdout, { ...(await identityOf(session, run)), answer });
  else printLine(terminal.stdout, answer);
  return 0;
}

async function runThatTakes(session: Session, ups: string, order: PowerOrder): Promise<PowerRun> {
  const outage = await findOutage(session, ups);
  const restore = outage?.running === true ? await findRestore(session, ups) : null;
  const runs = { outage: outage?.running === true ? outage : null, restore };
  const [run] = order.of.flatMap((kind) => runs[kind] ?? []);
  if (run !== undefined) return run;
  const status = `${commandName(session.terminal.env)} power status`;
  const why = runs.outage === null ? 'No power cut is being answered' : 'Nothing is being brought back';
  throw new CliError(`${why}, so there is nothing to ${order.name}. See \`${status}\`.`, 1);
}

async function requireAgreement(
  { terminal }: Session,
  { name, warning }: PowerOrder,
  flags: OrderFlags,
): Promise<void> {
  if (warning === undefined || flags.yes === true) return;
  if (await isAgreed(terminal, `${warning} Go on?`)) return;
  const how = terminal.ask ? '' : ` To agree: ${commandName(terminal.env)} power ${name} --yes`;
  throw new CliError(`Nothing was ordered. ${warning}${how}`, 1);
}
