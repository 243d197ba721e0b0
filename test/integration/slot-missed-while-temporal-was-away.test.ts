import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type CalendarSpec, type ScheduleDescription } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Duration } from '../../domain/duration.ts';
import { weeklyUpdatesId } from '../../domain/ids.ts';
import { schedulesOf } from '../../schedules/catalog.ts';
import { optionsOf } from '../../schedules/temporal-form.ts';
import { startDevServer, type DevServer } from '../../scripts/temporal/dev-server.ts';

/** For a server to start and to stop, on a machine that has other things to do. */
const LEAD_MS = 30_000;
/** Temporal takes no shorter window. */
const SHORTEST: Duration = '10 seconds';
const PATIENCE = { timeout: 240_000, interval: 500 };

let folder: string;
let server: DevServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-missed-slot-'));
});
afterEach(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Temporal with the same data as before, and what is done with it. */
async function withTemporal<T>(work: (client: Client) => Promise<T>): Promise<T> {
  server = await startDevServer({
    cliPath: inject('temporalCliPath'),
    headless: true,
    dbFile: join(folder, 'temporal.db'),
  });
  const connection = await Connection.connect({ address: server.address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
    await server.stop();
  }
}

/** The schedule of the weekly updates with one slot, to the second, and none after it. */
async function create(client: Client, cluster: string, catchUp: Duration, slot: Date): Promise<void> {
  const weeklyUpdates = { at: 'sunday 03:00', catchUp, pauseOnFailure: false };
  const [definition] = schedulesOf({ cluster: { name: cluster }, schedules: { timeZone: 'UTC', weeklyUpdates } });
  if (definition === undefined) throw new Error('The catalog has no weekly updates.');
  const calendar: CalendarSpec = {
    year: slot.getUTCFullYear(),
    month: slot.toLocaleString('en', { month: 'long', timeZone: 'UTC' }).toUpperCase() as 'MARCH',
    dayOfMonth: slot.getUTCDate(),
    hour: slot.getUTCHours(),
    minute: slot.getUTCMinutes(),
    second: slot.getUTCSeconds(),
  };
  await client.schedule.create({ ...optionsOf(definition, cluster), spec: { calendars: [calendar], timezone: 'UTC' } });
}

function describeSchedule(client: Client, cluster: string): Promise<ScheduleDescription> {
  return client.schedule.getHandle(`weekly-updates/${cluster}`).describe();
}

describe('a slot at whose time Temporal was away', { timeout: 600_000 }, () => {
  it('is made up for within the catch-up window, once, and counted as missed outside it', async () => {
    const slot = new Date(Math.ceil((Date.now() + LEAD_MS) / 1_000) * 1_000);
    await withTemporal(async (client) => {
      await create(client, 'patient', '1 hour', slot);
      await create(client, 'strict', SHORTEST, slot);
      expect((await describeSchedule(client, 'patient')).info.nextActionTimes).toEqual([slot]);
    });
    expect(Date.now(), 'the server has to be away before the slot comes').toBeLessThan(slot.getTime());
    while (Date.now() < slot.getTime() + 11_000) await sleep(200);

    await withTemporal(async (client) => {
      await expect
        .poll(async () => (await describeSchedule(client, 'patient')).info.recentActions.length, PATIENCE)
        .toBe(1);
      await expect
        .poll(async () => (await describeSchedule(client, 'strict')).info.numActionsMissedCatchupWindow, PATIENCE)
        .toBe(1);
      const [made] = (await describeSchedule(client, 'patient')).info.recentActions;
      expect(made?.scheduledAt).toEqual(slot);
      expect(made?.action.workflow.workflowId).toBe(
        `${weeklyUpdatesId('patient')}-${slot.toISOString().replace('.000', '')}`,
      );
      expect((await describeSchedule(client, 'strict')).info.recentActions).toEqual([]);
    });

    // Nor does another restart within the window start it again.
    await withTemporal(async (client) => {
      await client.schedule.getHandle('weekly-updates/strict').trigger();
      await expect
        .poll(async () => (await describeSchedule(client, 'strict')).info.recentActions.length, PATIENCE)
        .toBe(1);
      const { info } = await describeSchedule(client, 'patient');
      expect(info.recentActions).toHaveLength(1);
      expect(info.numActionsTaken).toBe(1);
    });
  });
});
