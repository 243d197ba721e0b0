import { toSeconds, type Duration } from '../domain/duration.ts';
import type { NutClientSettings } from '../domain/nut-client.ts';
import { InputError, type Problem } from './errors.ts';
import type { PowerClientsConfig } from './power-clients-schema.ts';
import { powerOf } from './power.ts';
import type { Config } from './schema.ts';
import { checkNodeSelection } from './validate.ts';

/**
 * Everything that the NUT clients of the nodes are made by: the configuration with a run's input merged in.
 *
 * @param input Input of the workflow as it came; nothing is known about it yet. Absent: all nodes.
 * @throws {InputError} that names every wrong field and what to do.
 */
export function nutClientSettingsFor(config: Config, input: unknown): NutClientSettings {
  const { ups, guests, timeouts } = powerOf(config);
  const clients = powerClientsOf(config);
  const known = config.cluster.nodes.map(({ name }) => name);
  const chosen = nodesOf(input, known);
  const slowestGuest = [guests.timeout, ...Object.values(guests.timeouts)].map(seconds);
  const { lease, workerLost } = config.rollingUpdate.timeouts;
  return {
    cluster: config.cluster.name,
    nodes: known.filter((name) => chosen.includes(name)),
    monitor: {
      ups: ups.name,
      host: ups.host,
      port: ups.port,
      user: clients.user,
      pollInterval: seconds(clients.pollInterval),
      deadTime: seconds(clients.deadTime),
      hostSync: seconds(clients.hostSync),
    },
    shutdownBudget: Math.max(...slowestGuest) + seconds(timeouts.halt) + seconds(timeouts.margin),
    timeouts: { lease, workerLost },
  };
}

/** @throws {InputError} where the configuration has none. */
export function powerClientsOf(config: Config): PowerClientsConfig {
  const { clients } = powerOf(config);
  if (clients !== undefined) return clients;
  throw new InputError([
    {
      field: 'power.clients',
      message: 'is missing, so the nodes have no user at the NUT server',
      remedy: 'Add it; docs/how-to/protect-nodes-with-nut.md shows how.',
    },
  ]);
}

function nodesOf(input: unknown, known: readonly string[]): readonly string[] {
  const { nodes = known, ...others } = (input ?? {}) as Record<string, unknown>;
  const problems: Problem[] = Object.keys(others).map((field) => ({
    field,
    message: 'is not known here',
    remedy: 'The input may name `nodes` only.',
  }));
  if (!Array.isArray(nodes) || nodes.length === 0 || !nodes.every((name) => typeof name === 'string')) {
    problems.push({ field: 'nodes', message: 'is not a list of names', remedy: `Write it as ["${known[0] ?? ''}"].` });
  } else {
    checkNodeSelection(nodes, known, (index, message, remedy) =>
      problems.push({ field: `nodes[${index}]`, message, remedy }),
    );
  }
  if (problems.length > 0) throw new InputError(problems);
  return nodes as readonly string[];
}

/** upsmon counts in whole seconds. */
function seconds(duration: Duration): number {
  return Math.max(1, Math.ceil(toSeconds(duration)));
}
