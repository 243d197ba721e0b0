import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { ensureNamespace } from '../temporal/namespace.ts';
import { createLabSite, type LabSite, type LabSiteOptions } from './lab-site.ts';
import { startWorkerProcess, WORKER, type WorkerProcess, type WorkerProcessOptions } from './worker-process.ts';

/** A lab, a namespace of Temporal and worker processes that nobody else uses. */
export interface RollLab extends LabSite {
  readonly client: Client;
  readonly namespace: string;
  startWorker(options?: WorkerProcessOptions): Promise<WorkerProcess>;
  killWorkers(): Promise<void>;
  /** Ends workers, lab and connections and removes the files. */
  close(): Promise<void>;
}

export interface RollLabOptions extends Omit<LabSiteOptions, 'directory' | 'scale' | 'temporal'> {
  readonly scale?: number;
  readonly temporalAddress: string;
  /** New for each lab. */
  readonly namespace: string;
  /** Made before; by default each worker bundles the workflows at its start, which takes some seconds. */
  readonly workflowBundlePath?: string;
  /** Programs of workers that were bundled before, by their sources: they start in half the time. */
  readonly workerBundles?: Readonly<Record<string, string>>;
}

/** Fast enough for tests, slow enough that a loaded machine does not time out what is 30 seconds in the lab. */
const TEST_SCALE = 40;

export async function createRollLab(options: RollLabOptions): Promise<RollLab> {
  const {
    site,
    policy,
    patching,
    power,
    withoutPrivileges = [],
    scale = TEST_SCALE,
    temporalAddress,
    namespace,
  } = options;
  const directory = await mkdtemp(join(tmpdir(), 'roll-lab-'));
  const connection = await Connection.connect({ address: temporalAddress });
  await ensureNamespace(connection, namespace);
  const labSite = await createLabSite({
    directory,
    site,
    scale,
    withoutPrivileges,
    temporal: { address: temporalAddress, namespace },
    ...(power ? { power } : {}),
    patching: { ...patching, timeouts: { workerLost: '2 seconds', ...patching?.timeouts } },
    policy: { ...policy, timeouts: { workerLost: '2 seconds', ...policy?.timeouts } },
  });
  const workers = new Set<WorkerProcess>();
  const killWorkers = async (): Promise<void> => {
    await Promise.all([...workers].map((worker) => worker.end('SIGKILL')));
    workers.clear();
  };
  return {
    ...labSite,
    client: new Client({ connection, namespace }),
    namespace,
    async startWorker(workerOptions) {
      const bundle = options.workflowBundlePath;
      const env = { ...labSite.env, ...(bundle === undefined ? {} : { CARETAKER_WORKFLOW_BUNDLE: bundle }) };
      const program = workerOptions?.program ?? WORKER;
      const bundled = options.workerBundles?.[program] ?? program;
      const worker = await startWorkerProcess(env, { ...workerOptions, program: bundled });
      workers.add(worker);
      return worker;
    },
    killWorkers,
    async close() {
      await killWorkers();
      await connection.close();
      await labSite.lab.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
