import type { LabClock } from './clock.ts';
import type { EventLog } from './event-log.ts';
import type { FaultBoard } from './faults.ts';

/** What every part of the lab shares. */
export interface LabContext {
  readonly clock: LabClock;
  readonly log: EventLog;
  readonly faults: FaultBoard;
  /** Folder for the machines' files, keys and certificates; the lab removes nothing outside it. */
  readonly directory: string;
}
