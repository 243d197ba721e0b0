import type { UpgradeResult } from '../../../activities/upgrade.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../../helpers/fake-deps.ts';
import type { HostClients } from './connect.ts';
import type { Host } from './host.ts';

/** Runs the activity `upgradeNode` for a host, as a worker would. */
export function upgrade(host: Host, jobId: string): Promise<UpgradeResult> {
  return upgradeOver(host.connect({ connect: 5_000, keepAlive: 500 }), host.name, jobId);
}

export function upgradeOver({ ssh, jobs }: HostClients, node: string, jobId: string): Promise<UpgradeResult> {
  const deps = { ...fakeDeps({}), ssh: () => ssh, jobs: () => jobs, polling: { intervalMs: 100, stablePolls: 1 } };
  return activityEnvironment().run(activitiesOver(deps).upgradeNode, { node, jobId, within: '5 minutes' });
}

/** What the job of an upgrade has printed so far. */
export async function logOf(host: Host, jobId: string): Promise<string> {
  return (await host.jobs.read({ id: jobId })).log;
}
