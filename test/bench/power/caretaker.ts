import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { powerGuardId } from '../../../domain/ids.ts';
import type { LabEvent } from '../../../lab/index.ts';
import { referenceSite } from '../../../lab/site.ts';
import type { LabPower } from '../../../scripts/lib/lab-config.ts';
import { createRollLab } from '../../../scripts/lib/roll-lab.ts';
import { createTeardown } from '../../../scripts/lib/teardown.ts';
import { startDevServer } from '../../../scripts/temporal/dev-server.ts';
import { locateTemporalCli } from '../../../scripts/temporal/locate.ts';
import { writeWorkflowBundle } from '../../helpers/bundle.ts';
import { newsOf, type News } from './guard-history.ts';

const UPS = 'ups';
const READY_WITHIN_MS = 60_000;

/** Caretaker as a user has it: its two workers in processes of their own, its settings as they come, and Temporal. */
export interface Caretaker {
  /** All that its guard has heard so far. */
  news(): Promise<News[]>;
  /** When the first guest is told to shut down (milliseconds since the epoch). */
  readonly firstShutdown: Promise<number>;
  close(): Promise<void>;
}

export interface Makings {
  /** Watches the NUT server at this port of this machine. The nodes are those of a lab in real time. */
  start(port: number, power?: LabPower): Promise<Caretaker>;
  close(): Promise<void>;
}

export async function createMakings(): Promise<Makings> {
  const teardown = createTeardown();
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  teardown.add('remove the bundle', () => rm(folder, { recursive: true }));
  const workflowBundlePath = join(folder, 'workflows.cjs');
  await writeWorkflowBundle(workflowBundlePath);
  const { path: cliPath } = await locateTemporalCli();
  const server = await startDevServer({
    cliPath,
    headless: true,
    dynamicConfig: ['system.forceSearchAttributesCacheRefreshOnRead=true'],
  });
  teardown.add('stop Temporal', () => server.stop());
  return {
    close: () => teardown.run(),
    async start(port, power = {}) {
      const roll = await createRollLab({
        site: referenceSite(),
        scale: 1,
        power: { ...power, ups: { name: UPS, host: '127.0.0.1', port } },
        temporalAddress: server.address,
        namespace: `bench-${randomUUID().slice(0, 8)}`,
        workflowBundlePath,
      });
      const firstShutdown = new Promise<number>((resolve) => {
        roll.lab.log.subscribe(({ action, detail, wall }: LabEvent) => {
          if (action === 'task.start' && /^(qm|vz)shutdown$/.test(String(detail['type']))) resolve(Date.parse(wall));
        });
      });
      const news = () => newsOf(roll.client, powerGuardId(UPS));
      try {
        await Promise.all([roll.startWorker(), roll.startWorker({ args: ['power'] })]);
        const deadline = Date.now() + READY_WITHIN_MS;
        while ((await news()).at(-1)?.mains !== 'on') {
          if (Date.now() > deadline) throw new Error('The guard does not see the UPS.');
          await delay(200);
        }
      } catch (error) {
        await roll.close();
        throw error;
      }
      return { news, firstShutdown, close: () => roll.close() };
    },
  };
}
