import { parseUpgradedPackages } from '../clients/remote-job/index.ts';
import type { PackageUpdate } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { APT_FUNCTIONS } from './apt-script.ts';
import type { ActivityDeps } from './deps.ts';
import { awaitUpgradeJobOver, upgradeByJob } from './upgrade-job.ts';

/** First what an interrupted run left is mended, for apt refuses to work on top of it, or works around it. */
const UPGRADE_SCRIPT = `${APT_FUNCTIONS}
configure_what_is_left
refresh_lists
complete_what_is_torn
patiently apt_get dist-upgrade
forget_old_jobs
`;

export interface UpgradeNodeInput {
  readonly node: string;
  /** Names the work of this run: found again by every attempt. */
  readonly jobId: string;
  readonly within: Duration;
}

export interface UpgradeResult {
  readonly packages: readonly PackageUpdate[];
}

export function createUpgradeActivities(deps: ActivityDeps) {
  const jobOf = ({ node, jobId, within }: UpgradeNodeInput) => ({
    machine: node,
    jobs: deps.jobs(node),
    jobId,
    within,
    pollMs: deps.polling.intervalMs,
  });
  return {
    /**
     * Upgrades a node by one job on it that survives our death and that of the connection, which may also be refused
     * while the upgrade restarts pve-cluster. Fails with `UpgradeFailed`, with the end of the log as detail.
     */
    async upgradeNode(input: UpgradeNodeInput): Promise<UpgradeResult> {
      const log = await upgradeByJob({ ...jobOf(input), command: UPGRADE_SCRIPT });
      return { packages: packagesOf(log) };
    },

    /** Waits until no upgrade of this run is at work on the node any more, whatever became of it. */
    awaitUpgradeOver(input: UpgradeNodeInput): Promise<void> {
      return awaitUpgradeJobOver(jobOf(input));
    },
  };
}

/** The packages that a log shows as upgraded or new. */
export function packagesOf(log: string): PackageUpdate[] {
  return parseUpgradedPackages(log).map(({ name, from, to }) => ({ name, from: from ?? null, to }));
}
