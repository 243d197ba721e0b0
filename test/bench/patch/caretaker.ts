import type { ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { patchFleetId } from '../../../domain/ids.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { locateTemporalCli } from '../../../scripts/temporal/locate.ts';
import type { Site } from '../../real/machine/site.ts';
import { timed, type Contender, type Contest } from './contenders.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CLUSTER = 'bench';
const GROUP = 'hosts';
const ADDRESS = '127.0.0.1:7233';
const READY_WITHIN_MS = 120_000;

/** `patchFleet` as a user runs it: by a worker of its own with the settings as they come, on a real Temporal. */
export const caretaker: Contender = {
  name: 'Caretaker',
  async run(contest) {
    const { site, meter, folder } = contest;
    const { path: cli } = await locateTemporalCli();
    const config = join(folder, 'caretaker.yaml');
    await writeFile(config, stringify(configFor(contest)));
    const server = site.spawn([cli, 'server', 'start-dev', '--headless', '--log-level', 'error'], 'temporal');
    await until(() => answers(site, [cli, 'operator', 'cluster', 'health', '--address', ADDRESS]), server);
    const variables = [`CARETAKER_CONFIG=${config}`, 'PVE_API_TOKEN=none', `TEMPORAL_ADDRESS=${ADDRESS}`];
    const command = [process.execPath, 'scripts/bootstrap.mjs', 'workers/main.ts'];
    const worker = site.spawn(['env', `--chdir=${ROOT}`, ...variables, ...command], 'worker');
    let said = '';
    for (const stream of [worker.stdout, worker.stderr, server.stdout, server.stderr]) {
      stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    }
    await until(() => Promise.resolve(said.includes('RUNNING')), worker);
    // It has the workflows compiled by now, and is idle, as at any other time.
    await delay(3_000);
    const ofServer = meter.begin('temporal');
    const type = ['--type', 'patchFleet', '--task-queue', TaskQueue.maintenance];
    const what = ['--workflow-id', patchFleetId(CLUSTER, GROUP), '--input', JSON.stringify({ name: GROUP })];
    const argv = [cli, 'workflow', 'execute', '--address', ADDRESS, ...type, ...what];
    try {
      const result = await timed(contest, argv, 'cli', ['worker']);
      return { ...result, server: ofServer.end() };
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${said.slice(-8_000)}`, { cause: error });
    }
  },
};

/** The hosts of a benchmark are no guests, so that no Proxmox is asked. */
function configFor({ fleet }: Contest): object {
  const nobody = 'SHA256:Qm9vZ0xvY2FsTm9kZU9uZUhvc3RLZXlFeGFtcGxlMDE';
  return {
    cluster: {
      name: CLUSTER,
      api: { token: { env: 'PVE_API_TOKEN' } },
      ssh: { user: 'root', privateKey: { file: fleet.hosts[0]?.keyFile } },
      nodes: [
        {
          name: 'nobody',
          address: '192.0.2.1',
          api: { fingerprint: Array.from({ length: 32 }, () => 'AB').join(':') },
          ssh: { hostKey: nobody },
        },
      ],
    },
    hosts: fleet.hosts.map(({ name, address, keyFile, hostKey }) => ({
      name,
      address,
      groups: [GROUP],
      ssh: { privateKey: { file: keyFile }, hostKey: hostKey.fingerprint },
    })),
    patching: {
      // Nobody reboots: the others only look whether it is wanted.
      autoReboot: false,
      groups: [{ name: GROUP, serial: fleet.hosts.length }],
    },
  };
}

async function answers(site: Site, argv: readonly string[]): Promise<boolean> {
  return site.run(argv).then(
    () => true,
    () => false,
  );
}

async function until(holds: () => Promise<boolean>, process: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await holds())) {
    if (process.exitCode !== null || Date.now() > deadline)
      throw new Error('A process of the benchmark did not start.');
    await delay(200);
  }
}
