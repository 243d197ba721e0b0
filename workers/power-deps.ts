import type { PowerDeps } from '../activities/power/index.ts';
import { createBmc, type Bmc } from '../clients/wake/index.ts';
import { powerOf, powerSettingsFor } from '../config/power.ts';
import type { PowerNodeConfig } from '../config/power-schema.ts';
import type { Config } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import { depsFromConfig, patienceOf } from './deps-from-config.ts';
import { upsConnection, upsReader } from './ups-connection.ts';

/** Milliseconds. While a battery runs down, a node that hangs is given up sooner, and looked at more often. */
const HASTE = { connect: 3_000, total: 10_000, interval: 2_000 } as const;

/**
 * Connections for the activities of power. Nothing is contacted yet; secrets are read when they are needed.
 *
 * @throws {InputError} where the configuration has no section `power`.
 * @throws {ConfigError} when the file of its certificate authority cannot be read.
 */
export function powerDepsFromConfig(config: Config, env: NodeJS.ProcessEnv): PowerDeps & { close(): Promise<void> } {
  const power = powerOf(config);
  const settings = powerSettingsFor(config);
  const { api, intervalMs } = patienceOf(config);
  const deps = depsFromConfig(config, env, {
    api: { connect: Math.min(api.connect, HASTE.connect), total: Math.min(api.total, HASTE.total) },
    intervalMs: Math.min(intervalMs, HASTE.interval),
  });
  const nodeNamed = (name: string) => power.nodes.find((node) => node.name === name);
  const nut = upsConnection(power.ups);
  return {
    ...deps,
    power: {
      settings: () => settings,
      ups: upsReader(nut, power.ups.name),
      bmc: (node) => bmcOf(nodeNamed(node), env),
      wake: (node) => nodeNamed(node)?.wake ?? null,
    },
    async close() {
      nut.close();
      await deps.close();
    },
  };
}

function bmcOf(node: PowerNodeConfig | undefined, env: NodeJS.ProcessEnv): Bmc | null {
  if (node?.bmc === undefined) return null;
  const { address, port, user, password, cipherSuite } = node.bmc;
  return createBmc({
    host: address,
    port,
    user,
    password: () => resolveSecret(password, env, `power.nodes (${node.name}): bmc.password`),
    ...(cipherSuite === undefined ? {} : { cipherSuite }),
  });
}
