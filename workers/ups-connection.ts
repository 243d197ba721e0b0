import { readFileSync } from 'node:fs';
import { createNutClient, type NutClient } from '../clients/nut/index.ts';
import { ConfigError } from '../config/errors.ts';
import type { PowerConfig } from '../config/power-schema.ts';
import { toMilliseconds } from '../domain/duration.ts';

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

function authorityOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`power.ups.caFile: cannot be read: ${String(error)}. Correct it.`);
  }
}
