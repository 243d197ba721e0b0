import type { Downtime } from '../domain/report.ts';

/** A task of Proxmox that may have kept a guest from running, as the node's task list shows it. */
export interface GuestTask {
  readonly vmid: number;
  /** `qmigrate`, `vzmigrate`, `qmshutdown`, `vzstart`, … */
  readonly type: string;
  /** Milliseconds since the epoch, by the clock of the node, in whole seconds. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly ok: boolean;
  /** What QEMU measured, from the log of a `qmigrate`: milliseconds in which the VM stood still. */
  readonly stoodStillMs: number | null;
}

/** Types of tasks that matter here. */
export const DOWNTIME_TASKS: ReadonlySet<string> = new Set([
  'qmigrate',
  'vzmigrate',
  'qmshutdown',
  'vzshutdown',
  'qmstop',
  'vzstop',
  'qmstart',
  'vzstart',
]);

/** Times of tasks are cut to whole seconds, so what lies between two of them may be this much longer. */
const ROUNDING_MS = 1_000;

/**
 * How long a guest did not run, by the tasks that Proxmox noted for it, whoever started them. Null without any.
 *
 * The figure of QEMU is exact. Of everything else only the bounds are known: a container is down somewhere within its
 * migration, and a guest at most from the beginning of its shutdown to the end of its next start.
 */
export function downtimeOf(tasks: readonly GuestTask[]): Downtime | null {
  let milliseconds = 0;
  let told = false;
  let exact = true;
  let downSince: number | null = null;
  // A shutdown that was not done in time may still have come about: only a start that worked tells.
  let perhapsSince: number | null = null;
  const within = (from: number, to: number) => {
    milliseconds += to - from + ROUNDING_MS;
    exact = false;
  };
  for (const { type, startedAt, endedAt, ok, stoodStillMs } of [...tasks].sort((a, b) => a.startedAt - b.startedAt)) {
    const [, action] = /^(?:qm|vz|q)(migrate|shutdown|stop|start)$/.exec(type) ?? [];
    // A live migration that failed leaves the VM running where it was; whatever restarts a container does not.
    if (action === undefined || endedAt === null || (type === 'qmigrate' && !ok)) continue;
    if (action === 'migrate') {
      if (stoodStillMs === null) within(startedAt, endedAt);
      else milliseconds += stoodStillMs;
    } else if (action === 'start') {
      const since: number | null = downSince ?? perhapsSince;
      // The target of a live migration notes a start, too.
      if (since === null || !ok) continue;
      within(since, endedAt);
      downSince = null;
      perhapsSince = null;
    } else if (ok) downSince ??= perhapsSince ?? startedAt;
    else {
      perhapsSince ??= startedAt;
      continue;
    }
    told = true;
  }
  if (!told) return null;
  return { milliseconds, certainty: exact ? 'measured' : 'at-most', stillDown: downSince !== null };
}
