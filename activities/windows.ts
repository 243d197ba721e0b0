import type { MaintenanceWindow, WindowAnswer } from '../domain/window.ts';
import { mayStart } from '../planning/windows.ts';
import { timeZoneNamed } from './time-zone.ts';

export interface ReadWindowInput {
  readonly windows: readonly MaintenanceWindow[];
  /** IANA name. */
  readonly timeZone: string;
  /** ISO 8601, by the clock of the run. */
  readonly now: string;
  /** Milliseconds that have to fit into what is left of the window. */
  readonly needed: number;
}

export function createWindowActivities() {
  return {
    /**
     * Whether work may begin now, and else when. Pure arithmetic, and an activity all the same: its answer stays the one
     * it was when a worker with other tz data goes on with the run.
     */
    readWindow({ windows, timeZone, now, needed }: ReadWindowInput): Promise<WindowAnswer> {
      return Promise.resolve().then(() => mayStart(windows, timeZoneNamed(timeZone), { now: Date.parse(now), needed }));
    },
  };
}
