import { isClientError } from '../../activities/guard.ts';
import { powerOf } from '../../config/power.ts';
import { ConfigError } from '../../config/errors.ts';
import type { PowerConfig } from '../../config/power-schema.ts';
import type { Config } from '../../config/schema.ts';
import type { PowerReading } from '../../domain/power.ts';
import { describeReading } from '../../reports/outage-mail.ts';
import { depsFromConfig } from '../../workers/deps-from-config.ts';
import { powerDepsFromConfig } from '../../workers/power-deps.ts';
import type { Check } from './check.ts';
import type { Site } from './context.ts';

/** Whatever does not answer for so long is not there for a run either. */
const ANSWER_MS = 15_000;

type Verdict = Omit<Check, 'name'>;

/** Whether the cluster of the configuration, its UPS and its people can be reached. Asks, and changes nothing. */
export async function checkSite({ config, terminal: { env } }: Site): Promise<Check[]> {
  const deps = depsFromConfig(config, env);
  try {
    const nodes = config.cluster.nodes.flatMap(({ name }) => [
      named(`API of ${name}`, async (signal) => {
        const { version } = await deps.proxmox.with({ via: name, signal }).version();
        return good(`Proxmox VE ${version}`);
      }),
      named(`SSH to ${name}`, async (signal) => {
        const { code } = await deps.ssh(name).exec('true', { signal });
        return code === 0 ? good('answers') : bad(`the shell ends with ${code ?? 'a signal'}`);
      }),
    ]);
    return [
      ...(await Promise.all(nodes)),
      ...(config.power === undefined ? [] : await checkPower(config, env)),
      { name: 'mail', ...mailOf(config) },
    ];
  } finally {
    await deps.close();
  }
}

function mailOf({ mail }: Config): Verdict {
  if (mail !== undefined) return good(`to ${mail.to.join(', ')}`);
  return caution('nobody is told how a run ended', 'add the section mail');
}

async function checkPower(config: Config, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const deps = powerDepsFromConfig(config, env);
  const { ups, bmc, wake } = deps.power;
  try {
    const checks = await Promise.all([
      named('UPS', async (signal) => describeUps(await ups.read(signal))),
      ...config.cluster.nodes.map(({ name }) =>
        named(`waking ${name}`, async (signal) => {
          const controller = bmc(name);
          if (controller !== null) return good(`its BMC answers; it is ${await controller.power({ signal })}`);
          if (wake(name) !== null) return good('by magic packet, which only a trial proves');
          return caution('nothing can turn it on after a power cut', 'name its BMC or MAC address in power.nodes');
        }),
      ),
    ]);
    return [...checks, { name: 'NUT on the nodes', ...nutClientsOf(powerOf(config)) }];
  } finally {
    await deps.close();
  }
}

function nutClientsOf({ clients }: PowerConfig): Verdict {
  if (clients !== undefined) return good('configured; caretaker power clients check looks at them');
  return caution(
    'nobody shuts the nodes down when Caretaker is dead',
    'add power.clients, then caretaker power clients install',
  );
}

function describeUps(reading: PowerReading): Verdict {
  const words = `${reading.status.join(' ')}, ${describeReading(reading)}`;
  const missing = (['charge', 'runtime'] as const).flatMap((name) =>
    'absent' in reading[name] ? reading[name].absent : [],
  );
  return missing.length === 0
    ? good(words)
    : caution(`${words}; ${missing.join('; ')}`, 'phases begin by what it tells, by time, and by LB');
}

/** Trouble of the other side, and a secret that is not there, are what the check has found. */
async function named(name: string, check: (signal: AbortSignal) => Promise<Verdict>): Promise<Check> {
  try {
    return { name, ...(await check(AbortSignal.timeout(ANSWER_MS))) };
  } catch (error) {
    if (isClientError(error) || error instanceof ConfigError) return { name, ...bad(error.message) };
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { name, ...bad(`no answer within ${ANSWER_MS / 1_000} s`) };
    }
    throw error;
  }
}

function good(words: string): Verdict {
  return { state: 'good', words };
}

function caution(words: string, remedy: string): Verdict {
  return { state: 'caution', words, remedy };
}

function bad(words: string): Verdict {
  return { state: 'bad', words };
}
