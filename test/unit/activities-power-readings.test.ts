import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { InputError } from '../../config/errors.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { aReading, fakePowerDeps, NO_ANSWER, powerActivitiesOver, thePower } from '../helpers/fake-power.ts';

describe('the UPS', () => {
  it('is read once, whatever it says', async () => {
    const { readPowerNow } = powerActivitiesOver(fakePowerDeps({ ups: ['OL CHRG', NO_ANSWER] }));
    expect(await activityEnvironment().run(readPowerNow)).toEqual({ reading: aReading('OL CHRG'), trouble: null });
    expect(await activityEnvironment().run(readPowerNow)).toEqual({ reading: null, trouble: NO_ANSWER.message });
  });
});

describe('the settings', () => {
  it('are those of the configuration', async () => {
    const { loadPowerSettings } = powerActivitiesOver(fakePowerDeps({}));
    expect(await activityEnvironment().run(loadPowerSettings)).toEqual(thePower());
  });

  it('that are missing fail at once, for no second look will find them', async () => {
    const deps = fakePowerDeps({});
    const settings = () => {
      throw new InputError([{ field: 'power', message: 'is missing', remedy: 'Add it.' }]);
    };
    const { loadPowerSettings } = powerActivitiesOver({ ...deps, power: { ...deps.power, settings } });
    await expect(activityEnvironment().run(loadPowerSettings)).rejects.toMatchObject({
      type: 'InvalidInput',
      nonRetryable: true,
    });
  });
});

describe('services that must be there', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function open(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    return (server.address() as AddressInfo).port;
  }
  const door = (name: string, port: number) => ({ name, host: '127.0.0.1', port });

  it('are there when all of them take a connection', async () => {
    const { awaitDoors } = powerActivitiesOver(fakePowerDeps({}));
    const doors = [door('NAS', await open()), door('DNS', await open())];
    expect(await activityEnvironment().run(awaitDoors, { doors, within: '1 minute' })).toEqual({
      outcome: 'done',
      words: 'NAS, DNS answered',
    });
  });

  it('are awaited, and those that do not come are named', async () => {
    const { awaitDoors } = powerActivitiesOver(fakePowerDeps({}));
    const port = await open();
    servers.splice(0).forEach((server) => server.close());
    const doors = [door('NAS', port), door('DNS', await open())];
    expect(await activityEnvironment().run(awaitDoors, { doors, within: '20 ms' })).toEqual({
      outcome: 'failed',
      words: `no answer within 20 ms: NAS (127.0.0.1:${port}: ECONNREFUSED)`,
    });
  });
});
