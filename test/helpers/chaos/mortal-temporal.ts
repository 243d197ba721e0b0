import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startDevServer } from '../../../scripts/temporal/dev-server.ts';

/** A Temporal of one test, or one recording, that keeps its data in a file, so that it can be killed. */
export interface MortalTemporal {
  readonly address: string;
  /**
   * Kills it with SIGKILL and starts it again at the same address, at once or when `stayAway` has come to its end. False if
   * it is away already.
   */
  kill(stayAway?: Promise<unknown>): boolean;
  /** Resolves when it is there again. */
  back(): Promise<void>;
  /** Ends it for good; rejects when it could not be started again. */
  close(): Promise<void>;
}

export async function mortalTemporal(cliPath = inject('temporalCliPath')): Promise<MortalTemporal> {
  const folder = await mkdtemp(join(tmpdir(), 'mortal-temporal-'));
  const start = (port?: number) =>
    startDevServer({
      cliPath,
      headless: true,
      dbFile: join(folder, 'temporal.db'),
      dynamicConfig: ['system.forceSearchAttributesCacheRefreshOnRead=true'],
      ...(port === undefined ? {} : { port }),
    });
  let server = await start();
  const port = Number(server.address.split(':')[1]);
  let away = false;
  let returned: Promise<void> = Promise.resolve();

  async function dieAndReturn(stayAway?: Promise<unknown>): Promise<void> {
    process.kill(server.pid as number, 'SIGKILL');
    await server.stop();
    await stayAway;
    server = await start(port);
  }
  return {
    address: server.address,
    kill(stayAway) {
      if (away) return false;
      away = true;
      returned = dieAndReturn(stayAway).then(() => {
        away = false;
      });
      returned.catch(() => undefined);
      return true;
    },
    back: () => returned,
    async close() {
      try {
        await returned;
      } finally {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
