import { powerSettingsFor } from '../../../config/power.ts';
import { pointInTime } from '../../../reports/words.ts';
import { identityOf, type Session } from '../context.ts';
import { printEnd } from '../outcome.ts';
import { OUTAGE } from '../power-kinds.ts';
import { askGuard, findOutage, type GuardAnswer, type PowerRun } from '../read-power.ts';
import { renderGuard } from '../render/power.ts';
import { awaitEnd, type RunEnd } from '../run-end.ts';
import { ifAnswered } from '../temporal.ts';
import { CliError, commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

interface Flags {
  readonly json?: boolean;
  readonly follow?: boolean;
}

/** Shows the UPS, and the power cut that is being answered or how the last one ended. 1 when nobody watches. */
export async function powerStatus(session: Session, flags: Flags): Promise<ExitCode> {
  const { ups } = powerSettingsFor(session.config);
  const outage = await findOutage(session, ups);
  if (outage?.running === true) {
    if (flags.follow) return follow(session, OUTAGE, await identityOf(session, outage), flags);
    return showOutage(session, outage, flags);
  }
  const guard = await askGuard(session, ups);
  const last = outage === null ? null : { run: outage, end: await awaitEnd(OUTAGE, outage.handle) };
  if (flags.json)
    printJson(session.terminal.stdout, {
      ...guard,
      lastOutage: last && { ...(await identityOf(session, last.run)), ...last.end },
    });
  else printRest(session, guard, last);
  return 'status' in guard ? 0 : 1;
}

async function showOutage(session: Session, run: PowerRun, { json }: Flags): Promise<ExitCode> {
  const { client, terminal } = session;
  const { stdout, env } = terminal;
  const progress = await ifAnswered(client, () => OUTAGE.read(client, run.handle));
  if (json) printJson(stdout, { ...(await identityOf(session, run)), status: 'running', progress });
  else if (progress === null) {
    printLine(stdout, 'A power cut is being answered, but no worker answers. Start one: npm run worker:power');
  } else {
    printLine(stdout, OUTAGE.renderProgress(progress, { ...layoutFor(stdout, env), now: new Date() }));
  }
  return progress === null ? 1 : 0;
}

interface LastOutage {
  readonly run: PowerRun;
  readonly end: RunEnd<Parameters<typeof OUTAGE.isGood>[0]>;
}

function printRest({ terminal, config }: Session, guard: GuardAnswer, last: LastOutage | null): void {
  const { stdout, env } = terminal;
  const layout = layoutFor(stdout, env);
  printLine(stdout, 'status' in guard ? renderGuard(guard.status, layout) : `✘ ${guard.unwatched}`);
  if (last === null) {
    printLine(stdout, `\nNo power cut of ${config.cluster.name} is remembered.`);
    return;
  }
  const how = last.end.report === null ? `✘ ${last.end.reason}` : last.end.reason;
  printLine(stdout, `\nThe last power cut, ${pointInTime(last.run.startedAt)}: ${how}`);
  printLine(stdout, `All of it: ${commandName(env)} power report`);
}

/** Prints the report of the last power cut that is over. */
export async function powerReport(session: Session, flags: Flags): Promise<ExitCode> {
  const { ups } = powerSettingsFor(session.config);
  const outage = await findOutage(session, ups);
  const command = commandName(session.terminal.env);
  if (outage === null) throw new CliError(`No power cut of ${session.config.cluster.name} is remembered.`, 1);
  if (outage.running) throw new CliError(`A power cut is being answered: see \`${command} power status\`.`, 1);
  return printEnd(
    OUTAGE,
    session.terminal,
    await identityOf(session, outage),
    await awaitEnd(OUTAGE, outage.handle),
    flags,
  );
}
