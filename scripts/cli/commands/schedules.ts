import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { timeZoneNamed } from '../../../activities/time-zone.ts';
import { describeRecurrence } from '../../../config/recurrence.ts';
import { clockTrouble } from '../../../planning/recurrence.ts';
import { SCHEDULE_NAMES, schedulesOf, type ScheduleDefinition } from '../../../schedules/catalog.ts';
import {
  applyChange,
  planChanges,
  readSchedule,
  readSchedules,
  type ActualSchedule,
  type Change,
} from '../../../schedules/reconcile.ts';
import { differences, isOurs } from '../../../schedules/temporal-form.ts';
import { requireWorker, type Session } from '../context.ts';
import { renderChanges, renderSchedules, type ScheduleEntry } from '../render/schedules.ts';
import { CliError, commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

interface Json {
  readonly json?: boolean;
}

/** Shows what `apply` would do. */
export async function planSchedules(session: Session, { json }: Json): Promise<ExitCode> {
  const changes = await changesFor(session, wantedOf(session));
  tell(session, changes, { json, done: false });
  return foreignIn(changes).length > 0 ? 1 : 0;
}

/** Makes the schedules in Temporal what the configuration says; all of it, or nothing where one cannot be made. */
export async function applySchedules(session: Session, { json }: Json): Promise<ExitCode> {
  const changes = await changesFor(session, wantedOf(session));
  const foreign = foreignIn(changes);
  if (foreign.length > 0) throw new CliError(describeForeign(foreign), 1);
  await make(session, changes);
  tell(session, changes, { json, done: true });
  return 0;
}

/** Takes schedules out of Temporal; without a name all that are Caretaker's. */
export async function removeSchedules(session: Session, name: string | undefined, { json }: Json): Promise<ExitCode> {
  const wanted = name === undefined ? SCHEDULE_NAMES : [requireName(name)];
  const changes = (await changesFor(session, [])).filter(
    (change) => change.kind === 'remove' && wanted.some((each) => each === change.name),
  );
  await make(session, changes);
  const wantedStill = new Set(schedulesOf(session.config).map((each) => each.name as string));
  const again = changes.some((change) => change.kind === 'remove' && wantedStill.has(change.name));
  const whyRemoved = `as you asked${again ? '; the configuration still names it, and the next apply makes it again' : ''}`;
  tell(session, changes, { json, done: true, whyRemoved });
  return 0;
}

/** Lists Caretaker's schedules as they are in Temporal. */
export async function listSchedules(session: Session, { json }: Json): Promise<ExitCode> {
  const { client, config, terminal } = session;
  const cluster = config.cluster.name;
  const ours = (await readSchedules(client.schedule, cluster)).filter(({ description }) =>
    isOurs(description, cluster),
  );
  const wanted = schedulesOf(config);
  const entries = await Promise.all(ours.map((each) => entryOf(client, each, wanted)));
  if (json) printJson(terminal.stdout, entries);
  else if (entries.length > 0)
    printLine(terminal.stdout, renderSchedules(entries, layoutFor(terminal.stdout, terminal.env)));
  else {
    const command = `${commandName(terminal.env)} schedules apply`;
    printLine(
      terminal.stdout,
      `Nothing of ${cluster} is scheduled. Name it under \`schedules\` and run \`${command}\`.`,
    );
  }
  return 0;
}

/** Holds a schedule; a run that is under way goes on. */
export async function pauseSchedule(session: Session, name: string, note: string | undefined): Promise<ExitCode> {
  const { handle } = await requireSchedule(session, name);
  await handle.pause(note ?? 'paused by hand');
  return say(session, `${name} starts nothing until ${commandName(session.terminal.env)} schedules resume ${name}.`);
}

export async function resumeSchedule(session: Session, name: string): Promise<ExitCode> {
  const { handle } = await requireSchedule(session, name);
  await handle.unpause('resumed by hand');
  const [next] = (await handle.describe()).info.nextActionTimes;
  return say(session, `${name} is on again${next === undefined ? '' : `; next at ${next.toISOString()}`}.`);
}

/** Starts a run now, unless one of the same schedule is under way. */
export async function triggerSchedule(session: Session, name: string): Promise<ExitCode> {
  const { handle, info } = await requireSchedule(session, name);
  await requireWorker(session);
  const [running] = info.runningActions;
  if (running !== undefined) {
    throw new CliError(`${running.workflow.workflowId} is under way already. Nothing was started.`, 1);
  }
  // Temporal's default would start a second one beside the first.
  await handle.trigger(ScheduleOverlapPolicy.SKIP);
  return say(session, `${name} starts now.`);
}

function wantedOf({ config }: Session): ScheduleDefinition[] {
  const wanted = schedulesOf(config);
  for (const definition of wanted) refuseLostTime(definition);
  return wanted;
}

/** Temporal starts nothing at a time that clocks jump over, and two runs at one that they show twice. */
function refuseLostTime({ name, recurrence, timeZone }: ScheduleDefinition): void {
  const trouble = clockTrouble(recurrence, timeZoneNamed(timeZone), Date.now());
  if (trouble === null) return;
  const { time } = recurrence;
  const what =
    trouble.kind === 'skipped'
      ? `clocks in ${timeZone} jump over ${time}, and nothing would start that day`
      : `clocks in ${timeZone} show ${time} twice, and two runs would start that day`;
  throw new CliError(
    `schedules.${camelCase(name)}.at: on ${trouble.date} ${what}. Choose a time outside that hour, such as ${describeRecurrence({ ...recurrence, time: '04:00' })}.`,
  );
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

async function changesFor({ client, config }: Session, wanted: readonly ScheduleDefinition[]): Promise<Change[]> {
  const cluster = config.cluster.name;
  return planChanges(wanted, await readSchedules(client.schedule, cluster), cluster);
}

function foreignIn(changes: readonly Change[]): string[] {
  return changes.flatMap((change) => (change.kind === 'foreign' ? [change.definition.id] : []));
}

function describeForeign(ids: readonly string[]): string {
  return `Nothing was changed: ${ids.join(' and ')} in Temporal ${ids.length === 1 ? 'is not' : 'are not'} Caretaker's. Delete or rename what has that id: temporal schedule delete --schedule-id ${ids[0]}`;
}

async function make({ client, config }: Session, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    try {
      await applyChange(client.schedule, change, config.cluster.name);
    } catch (error) {
      const gone = error instanceof ScheduleAlreadyRunning || error instanceof ScheduleNotFoundError;
      if (!gone) throw error;
      throw new CliError(`Somebody else changed the schedules at the same time (${error.message}). Try again.`, 1);
    }
  }
}

function tell(
  { terminal }: Session,
  changes: readonly Change[],
  {
    json = false,
    done,
    whyRemoved,
  }: { readonly json: boolean | undefined; readonly done: boolean; readonly whyRemoved?: string },
): void {
  if (json) printJson(terminal.stdout, changes);
  else if (changes.length === 0) printLine(terminal.stdout, 'Nothing is scheduled, and nothing is wanted.');
  else printLine(terminal.stdout, renderChanges(changes, done, layoutFor(terminal.stdout, terminal.env), whyRemoved));
}

async function entryOf(
  client: Session['client'],
  { name, description }: ActualSchedule,
  definitions: readonly ScheduleDefinition[],
): Promise<ScheduleEntry> {
  const { scheduleId: id, state, info, spec } = description;
  const wanted = definitions.find((each) => each.name === name);
  const last = info.recentActions.at(-1);
  const run = last?.action.workflow;
  return {
    name,
    id,
    when: wanted === undefined ? null : describeRecurrence(wanted.recurrence),
    applied: wanted !== undefined && differences(wanted, description).length === 0,
    timeZone: spec.timezone ?? 'UTC',
    paused: state.paused,
    note: state.note ?? null,
    next: state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null),
    last:
      last === undefined || run === undefined
        ? null
        : { startedAt: last.takenAt.toISOString(), outcome: await statusOf(client, run) },
    missed: info.numActionsMissedCatchupWindow,
    skipped: info.numActionsSkippedOverlap,
  };
}

async function statusOf(
  client: Session['client'],
  run: { readonly workflowId: string; readonly firstExecutionRunId: string },
): Promise<string> {
  try {
    const { status } = await client.workflow.getHandle(run.workflowId, run.firstExecutionRunId).describe();
    return status.name.toLowerCase();
  } catch {
    // Temporal forgets runs after a while.
    return '';
  }
}

function requireName(name: string): (typeof SCHEDULE_NAMES)[number] {
  const known = SCHEDULE_NAMES.find((each) => each === name);
  if (known !== undefined) return known;
  throw new CliError(`There is no schedule ${name}. Names: ${SCHEDULE_NAMES.join(', ')}.`);
}

async function requireSchedule({ client, config, terminal }: Session, wanted: string) {
  const cluster = config.cluster.name;
  const name = requireName(wanted);
  const description = await readSchedule(client.schedule, name, cluster);
  if (description !== null && isOurs(description, cluster)) {
    return { handle: client.schedule.getHandle(description.scheduleId), info: description.info };
  }
  throw new CliError(
    `${name} is not scheduled. Name it under \`schedules\` in the configuration and run \`${commandName(terminal.env)} schedules apply\`.`,
    1,
  );
}

function say({ terminal }: Session, text: string): ExitCode {
  printLine(terminal.stdout, text);
  return 0;
}
