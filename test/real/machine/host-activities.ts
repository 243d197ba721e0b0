import { activitiesOver, activityEnvironment, fakeDeps } from '../../helpers/fake-deps.ts';
import type { HostClients } from './connect.ts';

/** The activities that work inside a host, each run as a worker would. */
export function activitiesOn({ ssh, jobs }: HostClients, onHeartbeat: (details: unknown) => void = () => undefined) {
  const deps = {
    ...fakeDeps({}),
    hostShell: () => ssh,
    hostJobs: () => jobs,
    hostStateDirectory: '/var/lib/caretaker',
    polling: { intervalMs: 100, stablePolls: 1 },
  };
  const activities = activitiesOver(deps);
  function running<Input, Result>(activity: (input: Input) => Promise<Result>) {
    return (input: Input): Promise<Result> => {
      const environment = activityEnvironment();
      environment.onHeartbeat(onHeartbeat);
      return environment.run(activity, input);
    };
  }
  return {
    upgradeHost: running(activities.upgradeHost),
    readHostState: running(activities.readHostState),
    rebootHost: running(activities.rebootHost),
  };
}
