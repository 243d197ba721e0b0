import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Site } from '../../real/machine/site.ts';

const SAMPLE_MS = 100;

/** What some processes have used: processor seconds, and their anonymous memory together at its highest, in MiB. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

export interface Meter {
  /** Begins to measure the control groups of a site by their names, which need not exist yet. */
  begin(...groups: readonly string[]): { end(): Usage };
  close(): void;
}

/** Looks at the control groups of a site from outside, so that it is in none of them. */
export function createMeter(site: Site): Meter {
  // Its view of the files shows what only processes of the site see.
  const anchor = site.spawn(['sleep', 'infinity'], 'anchor');
  const folderOf = (group: string): string | undefined => {
    const groups = `/proc/${anchor.pid}/root${site.place}/groups`;
    const own = readdirSync(groups).find((name) => name.startsWith(`caretaker-real-${process.pid}-`));
    return own === undefined ? undefined : join(groups, own, group);
  };
  return {
    begin(...groups) {
      const before = total(groups, folderOf, cpuOf);
      let peak = 0;
      const sample = (): void => void (peak = Math.max(peak, total(groups, folderOf, memoryOf)));
      const timer = setInterval(sample, SAMPLE_MS);
      return {
        end() {
          clearInterval(timer);
          sample();
          return { cpuSeconds: total(groups, folderOf, cpuOf) - before, peakMiB: peak };
        },
      };
    },
    close: () => void anchor.kill(),
  };
}

function total(
  groups: readonly string[],
  folderOf: (group: string) => string | undefined,
  measure: (folder: string) => number,
): number {
  return groups.reduce((sum, group) => {
    try {
      const folder = folderOf(group);
      return folder === undefined ? sum : sum + measure(folder);
    } catch {
      // It is not there yet, or a process has ended while it was looked at.
      return sum;
    }
  }, 0);
}

function cpuOf(folder: string): number {
  const [, microseconds = '0'] = /^usage_usec (\d+)/m.exec(readFileSync(join(folder, 'cpu.stat'), 'utf8')) ?? [];
  return Number(microseconds) / 1e6;
}

function memoryOf(folder: string): number {
  const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  return pids.reduce((sum, pid) => sum + anonymousOf(pid), 0) / 1024;
}

/** KiB */
function anonymousOf(pid: string): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
