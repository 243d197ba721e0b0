import { ScheduleNotFoundError, type ScheduleClient, type ScheduleDescription } from '@temporalio/client';
import { SCHEDULE_NAMES, scheduleId, type ScheduleDefinition, type ScheduleName } from './catalog.ts';
import { differences, isOurs, optionsOf } from './temporal-form.ts';

/** What `apply` does about one schedule. */
export type Change =
  | { readonly kind: 'create'; readonly definition: ScheduleDefinition }
  /** `fields`: what was changed, in the configuration or by hand in Temporal. */
  | { readonly kind: 'update'; readonly definition: ScheduleDefinition; readonly fields: readonly string[] }
  | { readonly kind: 'keep'; readonly definition: ScheduleDefinition }
  | { readonly kind: 'remove'; readonly name: ScheduleName; readonly id: string }
  /** Somebody else's schedule has the id. */
  | { readonly kind: 'foreign'; readonly definition: ScheduleDefinition };

/** A schedule of ours as it is in Temporal. */
export interface ActualSchedule {
  readonly name: ScheduleName;
  readonly description: ScheduleDescription;
}

/**
 * What Temporal has under our ids, somebody else's included. They are asked for one by one, for Temporal's list of all
 * schedules lags behind.
 */
export async function readSchedules(client: ScheduleClient, cluster: string): Promise<ActualSchedule[]> {
  const found = await Promise.all(
    SCHEDULE_NAMES.map(async (name) => {
      const description = await readSchedule(client, name, cluster);
      return description === null ? [] : [{ name, description }];
    }),
  );
  return found.flat();
}

/** One of them; null when Temporal has none. */
export async function readSchedule(
  client: ScheduleClient,
  name: ScheduleName,
  cluster: string,
): Promise<ScheduleDescription | null> {
  try {
    return await client.getHandle(scheduleId(name, cluster)).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

/** The way from what is to what is wanted. */
export function planChanges(
  wanted: readonly ScheduleDefinition[],
  actual: readonly ActualSchedule[],
  cluster: string,
): Change[] {
  return SCHEDULE_NAMES.flatMap((name): Change[] => {
    const definition = wanted.find((each) => each.name === name);
    const description = actual.find((each) => each.name === name)?.description;
    const ours = description !== undefined && isOurs(description, cluster);
    if (definition === undefined) return ours ? [{ kind: 'remove', name, id: description.scheduleId }] : [];
    if (description === undefined) return [{ kind: 'create', definition }];
    if (!ours) return [{ kind: 'foreign', definition }];
    const fields = differences(definition, description);
    return [fields.length === 0 ? { kind: 'keep', definition } : { kind: 'update', definition, fields }];
  });
}

/**
 * Makes one change. A schedule that a person has paused stays paused, with his note. Doing it twice does no harm.
 *
 * @throws {ScheduleAlreadyRunning} when somebody has made a schedule of that id meanwhile.
 */
export async function applyChange(client: ScheduleClient, change: Change, cluster: string): Promise<void> {
  switch (change.kind) {
    case 'create':
      await client.create(optionsOf(change.definition, cluster));
      return;
    case 'update':
      await client.getHandle(change.definition.id).update(({ state: { paused, note } }) => {
        const { spec, action, policies } = optionsOf(change.definition, cluster);
        return { spec, action, policies, state: { paused, ...(note === undefined ? {} : { note }) } };
      });
      return;
    case 'remove':
      await client.getHandle(change.id).delete();
      return;
    case 'keep':
    case 'foreign':
  }
}
