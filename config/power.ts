import { toSeconds } from '../domain/duration.ts';
import type { PowerSettings } from '../domain/outage.ts';
import { InputError } from './errors.ts';
import type { PowerConfig } from './power-schema.ts';
import type { Config } from './schema.ts';

/**
 * Everything that the power workflows go by.
 *
 * @throws {InputError} where the configuration has no section `power`.
 */
export function powerSettingsFor(config: Config): PowerSettings {
  const power = powerOf(config);
  const { shed, final, guests, restore, timeouts } = power;
  const { settle, nodeUp, attempts, allowHardReset, needs, loopGuard } = restore;
  return {
    cluster: config.cluster.name,
    ups: power.ups.name,
    nodes: config.cluster.nodes.map(({ name }) => name),
    shedNodes: shed.nodes,
    ownGuest: config.orchestrator.guest ?? null,
    guests: { ...guests, last: guests.last.map(String) },
    allowQuorumLoss: power.quorum.allowLoss,
    lowerExpectedVotes: power.quorum.lowerExpected,
    rules: rulesOf(power),
    runtimes: {
      shed: shed.runtime === undefined ? null : toSeconds(shed.runtime),
      final: final.runtime === undefined ? null : toSeconds(final.runtime),
    },
    restore: { settle, nodeUp, attempts, allowHardReset, needs, loopGuard, tellAfter: '1 hour' },
    timeouts,
    watts: {
      total: power.ups.watts ?? null,
      nodes: Object.fromEntries(
        power.nodes.flatMap(({ name, watts }) => (watts === undefined ? [] : [[name, watts] as const])),
      ),
    },
  };
}

/** @throws {InputError} where the configuration has none. */
export function powerOf(config: Config): PowerConfig {
  if (config.power !== undefined) return config.power;
  throw new InputError([
    {
      field: 'power',
      message: 'is missing, so Caretaker does not know the UPS',
      remedy: 'Add the section; docs/how-to/survive-power-cuts.md shows one.',
    },
  ]);
}

/** Until the guests and nodes of the site are known, runtimes that are not configured are those of a small site. */
const RUNTIMES = { shed: 900, final: 300, budget: 300 } as const;

function rulesOf(power: PowerConfig): PowerSettings['rules'] {
  const { shed, final, restore } = power;
  return {
    interval: toSeconds(power.ups.interval),
    confirm: toSeconds(power.confirm),
    stabilization: toSeconds(power.stabilization),
    shed: {
      after: toSeconds(shed.after),
      charge: shed.charge,
      runtime: shed.runtime === undefined ? RUNTIMES.shed : toSeconds(shed.runtime),
    },
    final: {
      after: toSeconds(final.after),
      charge: final.charge,
      runtime: final.runtime === undefined ? RUNTIMES.final : toSeconds(final.runtime),
      blind: toSeconds(final.blind),
      budget: RUNTIMES.budget,
    },
    fsdOnMains: power.fsdOnMains,
    onlineDischarge: power.onlineDischarge,
    holdDown: toSeconds(power.holdDown),
    memory: toSeconds(power.memory),
    restore: {
      after: toSeconds(restore.after),
      charge: restore.charge,
      withoutCharge: toSeconds(restore.withoutCharge),
    },
    silence: toSeconds(power.silence),
  };
}
