import { readFileSync } from 'node:fs';
import type { UpsReader } from '../activities/power/index.ts';
import { createNutClient, type NutClient } from '../clients/nut/index.ts';
import { ConfigError } from '../config/errors.ts';
import type { PowerConfig } from '../config/power-schema.ts';
import { toMilliseconds } from '../domain/duration.ts';
import { parseStatus } from '../domain/power.ts';
import { readPower } from '../planning/power-reading.ts';

/**
 * A client of the NUT server of the configuration, as nobody in particular: reading needs no login. Nothing is contacted yet.
 *
 * @throws {ConfigError} when the file of its certificate authority cannot be read.
 */
export function upsConnection({ host, port, tls, caFile, fingerprint, timeout }: PowerConfig['ups']): NutClient {
  const ms = toMilliseconds(timeout);
  return createNutClient({
    host,
    port,
    tls,
    ca: caFile === undefined ? undefined : authorityOf(caFile),
    fingerprint,
    timeouts: { connect: ms, reply: ms },
  });
}

/** The UPS of that name, read by a client. */
export function upsReader(client: NutClient, name: string): UpsReader {
  const of = (signal?: AbortSignal) => (signal === undefined ? {} : { signal });
  return {
    label: `${name} at ${client.label}`,
    read: async (signal) => readPower(await client.listVariables(name, of(signal))),
    readStatus: async (signal) => parseStatus(await client.variable(name, 'ups.status', of(signal))),
  };
}

function authorityOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`power.ups.caFile: cannot be read: ${String(error)}. Correct it.`);
  }
}
