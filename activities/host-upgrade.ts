import { parseKeptConffiles, parseRemovedPackages } from '../clients/remote-job/index.ts';
import { toSeconds, type Duration } from '../domain/duration.ts';
import type { PackageUpdate } from '../domain/cluster.ts';
import { APT_FUNCTIONS } from './apt-script.ts';
import type { ActivityDeps } from './deps.ts';
import { LISTS_STAMP } from './host.ts';
import { packagesOf } from './upgrade.ts';
import { awaitUpgradeJobOver, upgradeByJob } from './upgrade-job.ts';

/** What the script says once it has fetched the package lists. */
const REFRESHED = 'Caretaker: the package lists are refreshed';

/**
 * Lists count as refreshed by the time that this script notes after a refresh in which no source failed. apt's own stamp
 * would not do: stock Debian writes none, and the hook that does is run if one source of many was reached. Nor would the
 * age of the files, which have the times of the server. A change of the sources, or of the lists by somebody else, ends it.
 */
function refreshUnlessYoung(listsValidFor: Duration): string {
  // A job is a file in a folder of its own in the state directory. A service of systemd has no home that `~/` could mean.
  return `job=\${0%/*}
stamp=\${job%/*}/${LISTS_STAMP}
is_young() {
  at=$(cat "$stamp" 2>/dev/null) || return 1
  case $at in '' | *[!0-9]*) return 1 ;; esac
  age=$(($(date +%s) - at))
  [ "$age" -ge 0 ] && [ "$age" -lt ${Math.floor(toSeconds(listsValidFor))} ] || return 1
  [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer "$stamp" 2>/dev/null)" ] || return 1
  [ -z "$(find /var/lib/apt/lists -prune -newer "$stamp" 2>/dev/null)" ]
}
if ! is_young; then
  at=$(date +%s)
  refresh_lists
  printf '%s\\n' "$at" >"$stamp.new"
  mv "$stamp.new" "$stamp"
  echo '${REFRESHED}'
fi
`;
}

/**
 * In one run of apt, for each has to read all its lists. It spares the kernel that runs by rules of its own, which know the
 * names that Debian gives to kernels.
 */
const UPGRADE_AND_CLEAN_UP = `kernel=$(uname -r | sed 's/[.+]/\\\\&/g')
patiently apt_get --auto-remove -o "APT::NeverAutoRemove::=-$kernel" dist-upgrade
patiently apt_get autoclean
`;

/** A slow upgrade is reported when its time is over. Killed in the middle of dpkg it would do harm. */
const KILL_AFTER: Duration = '1 day';

export interface UpgradeHostInput {
  readonly host: string;
  /** Names the work of this run: found again by every attempt. */
  readonly jobId: string;
  /** Package lists that were refreshed within this time are used as they are; zero: they are always refreshed. */
  readonly listsValidFor: Duration;
  /** Remove packages that nothing needs any more, and downloads that are out of date. */
  readonly cleanUp: boolean;
  readonly within: Duration;
}

export type AwaitHostUpgradeOverInput = Pick<UpgradeHostInput, 'host' | 'jobId' | 'within'>;

export interface HostUpgrade {
  readonly packages: readonly PackageUpdate[];
  /** Configuration files that stayed as the administrator had them; the package's version lies beside, as `.dpkg-dist`. */
  readonly keptConffiles: readonly string[];
  /** Packages that nothing needs any more, or that had to make room for another. */
  readonly removed: readonly string[];
  /** False: the package lists were young enough and were not fetched again. */
  readonly refreshed: boolean;
}

export function createHostUpgradeActivities(deps: ActivityDeps) {
  const jobOf = ({ host, jobId, within }: AwaitHostUpgradeOverInput) => ({
    machine: host,
    jobs: deps.hostJobs(host),
    jobId,
    within,
    killAfter: KILL_AFTER,
    pollMs: deps.polling.intervalMs,
  });
  return {
    /**
     * Refreshes the package lists of a Debian or Ubuntu host, upgrades it and cleans up, all by one job on it that survives
     * our death and that of the connection. Fails with `UpgradeFailed`, with the end of the log as detail.
     */
    async upgradeHost(input: UpgradeHostInput): Promise<HostUpgrade> {
      const refresh = refreshUnlessYoung(input.listsValidFor);
      const command = `${APT_FUNCTIONS}
configure_what_is_left
${refresh}complete_what_is_torn
${input.cleanUp ? UPGRADE_AND_CLEAN_UP : 'patiently apt_get dist-upgrade\n'}forget_old_jobs
`;
      const log = await upgradeByJob({ ...jobOf(input), command });
      return {
        packages: packagesOf(log),
        keptConffiles: parseKeptConffiles(log),
        removed: parseRemovedPackages(log),
        refreshed: log.split('\n').includes(REFRESHED),
      };
    },

    /** Waits until no upgrade of this run is at work on the host any more, whatever became of it. */
    awaitHostUpgradeOver(input: AwaitHostUpgradeOverInput): Promise<void> {
      return awaitUpgradeJobOver(jobOf(input));
    },
  };
}
