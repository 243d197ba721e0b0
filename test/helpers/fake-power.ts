import { readClock } from '../../activities/power/clock.ts';
import { createPowerActivities, type PowerActivities, type PowerDeps } from '../../activities/power/index.ts';
import type { Bmc, MagicPacket } from '../../clients/wake/index.ts';
import { powerSettingsFor } from '../../config/power.ts';
import { parseConfig } from '../../config/load.ts';
import type { PowerGate, PowerSettings } from '../../domain/outage.ts';
import { parseStatus, type PowerReading } from '../../domain/power.ts';
import { clientError, fakeDeps, onlyExpected, type FakeWorld } from './fake-deps.ts';

/** `OL CHRG` as a reading; charge, unless it is given, and the rest are not reported. */
export function aReading(status: string, charge?: number): PowerReading {
  const absent = { absent: 'the UPS does not report it' };
  const measured = charge === undefined ? absent : { value: charge };
  return { status: parseStatus(status), charge: measured, runtime: absent, load: absent, inputVoltage: absent };
}

export interface FakePower extends FakeWorld {
  /** What the UPS says, look by look; the last counts for all that follow. An Error: it does not answer. */
  readonly ups?: (string | Error)[];
  /** Percent. */
  readonly charge?: number;
  readonly power?: PowerSettings;
  readonly bmc?: Partial<Bmc>;
  readonly wake?: MagicPacket;
}

export const ON_BATTERY = 'OB DISCHRG';
export const NO_ANSWER = clientError('retryable', 'NUT server 10.0.0.5:3493: ERR DATA-STALE');

export const aGate = (changes: Partial<PowerGate> = {}): PowerGate => ({
  ups: 'ups',
  blind: false,
  boot: readClock().boot,
  rehearsal: false,
  ...changes,
});

const CONFIG = `
cluster:
  name: homelab
  api: { token: { env: TOKEN } }
  ssh: { privateKey: { file: key }, knownHosts: known }
  nodes:
    - { name: pve1, address: 10.0.0.1, api: { fingerprint: ${'AB:'.repeat(31)}AB } }
    - { name: pve2, address: 10.0.0.2, api: { fingerprint: ${'AB:'.repeat(31)}AB } }
power:
  ups: { name: ups, host: 10.0.0.5, interval: 1 ms }
  shed: { nodes: [pve2] }
`;

/** A site of two nodes, of which pve2 leaves first. */
export function thePower(changes: Partial<PowerSettings> = {}): PowerSettings {
  return { ...powerSettingsFor(parseConfig(CONFIG, '/site/caretaker.yaml')), ...changes };
}

/** Connections to a world that exists only in a test, on battery unless said otherwise. */
export function fakePowerDeps(world: FakePower): PowerDeps & { readonly looks: () => number } {
  const says = [...(world.ups ?? [ON_BATTERY])];
  let looks = 0;
  const read = (): Promise<PowerReading> => {
    looks += 1;
    const said = (says.length > 1 ? says.shift() : says[0]) ?? ON_BATTERY;
    return said instanceof Error ? Promise.reject(said) : Promise.resolve(aReading(said, world.charge));
  };
  const settings = world.power ?? thePower();
  return {
    ...fakeDeps(world),
    looks: () => looks,
    power: {
      settings: () => settings,
      ups: {
        label: 'ups at 10.0.0.5:3493',
        read,
        readStatus: async () => (await read()).status,
      },
      bmc: () => (world.bmc === undefined ? null : onlyExpected<Bmc>('bmc', world.bmc)),
      wake: () => world.wake ?? null,
    },
  };
}

/** The activities over `deps`, each a function by itself that can be handed to an environment. */
export function powerActivitiesOver(deps: PowerDeps): {
  [Name in keyof PowerActivities]: (input: Parameters<PowerActivities[Name]>[0]) => ReturnType<PowerActivities[Name]>;
} {
  return createPowerActivities(deps);
}
