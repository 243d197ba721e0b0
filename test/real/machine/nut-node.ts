import { createNutClient } from '../../../clients/nut/index.ts';
import type { NutMonitor } from '../../../domain/nut-client.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../../helpers/fake-deps.ts';
import type { Host } from './host.ts';
import { NODES_PASSWORD, NUT_PORT } from './nut.ts';

/** What hosts of a site are told to watch, with times that suit a test. */
export function monitorOf(address: string, changes: Partial<NutMonitor> = {}): NutMonitor {
  const times = { pollInterval: 1, deadTime: 60, hostSync: 15 };
  return { ups: 'ups', host: address, port: NUT_PORT, user: 'nodes', ...times, ...changes };
}

let jobs = 0;

/** The activities of the NUT client for a host, each run as a worker would. */
export function nutNode(host: Host, monitor: NutMonitor, server: { port: number }, password = NODES_PASSWORD) {
  const { ssh, jobs: remoteJobs } = host.connect();
  const activities = activitiesOver({
    ...fakeDeps({
      nutClients: {
        password: () => Promise.resolve(password),
        server: () => createNutClient({ host: '127.0.0.1', port: server.port, tls: 'off' }),
      },
    }),
    ssh: () => ssh,
    jobs: () => remoteJobs,
    polling: { intervalMs: 200, stablePolls: 1 },
  });
  function running<Input, Result>(activity: (input: Input) => Promise<Result>, input: NoInfer<Input>): Promise<Result> {
    return activityEnvironment().run(activity, input);
  }
  const node = host.name;
  const job = () => ({ node, jobId: `nut-${++jobs}`, within: '2 minutes' }) as const;
  const own = {
    install: (jobId?: string) =>
      running(activities.ensureNutClientPackage, { ...job(), monitor, ...(jobId === undefined ? {} : { jobId }) }),
    write: () => running(activities.ensureNutClientFiles, { node, monitor }),
    restart: () => running(activities.ensureNutMonitorRestarted, { node }),
    prove: () => running(activities.awaitNutClient, { node, monitor, within: '3 seconds' }),
    settle: () => running(activities.settleNutClient, { node }),
    revert: () => running(activities.revertNutClient, { node }),
    removeFiles: () => running(activities.removeNutClientFiles, { node }),
    removePackage: () => running(activities.removeNutClientPackage, job()),
  };
  return {
    ...own,
    /** All steps of a node whose turn goes well. */
    async protect() {
      await own.install();
      const change = await own.write();
      if (change.pending) await own.restart();
      await own.prove();
      await own.settle();
      return change;
    },
  };
}
