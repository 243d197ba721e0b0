import type { Client, WorkflowHandle } from '@temporalio/client';
import { Message } from '../../domain/messages.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { RollProgress, RollReport } from '../../domain/report.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { readProgress } from './read-progress.ts';
import { describeChanges } from './render/changes.ts';
import { renderPlan } from './render/plan.ts';
import { renderProgress, type ProgressOptions } from './render/progress.ts';
import { renderReport } from './render/report.ts';
import type { RenderOptions } from './render/style.ts';

/** Whatever else a report says, it says why. */
export interface AnyReport {
  readonly reason: string;
}

/** What the commands have to know of a kind of run to tell how it ended. */
export interface RunEnding<Report extends AnyReport> {
  /** A field by which its report is known. */
  readonly mark: keyof Report & string;
  /** What a person does after somebody has terminated it. */
  readonly afterTermination: string;
  /** Finds the report in what the run returns; absent: it returns the report. */
  readonly reportOf?: (result: unknown) => Report;
  readonly renderReport: (report: Report, options: RenderOptions) => string;
  /** Whether a run that completed with this report deserves the exit code 0. */
  readonly isGood: (report: Report) => boolean;
}

/** And to follow it. */
export interface RunKind<Progress, Report extends AnyReport> extends RunEnding<Report> {
  /** The command under which those are that steer it; absent: they stand alone. */
  readonly family?: string;
  readonly read: (client: Client, handle: WorkflowHandle) => Promise<Progress>;
  readonly renderProgress: (progress: Progress, options: ProgressOptions) => string;
  /** What changed from one look to the next, a line each. */
  readonly changes: (before: Progress | null, after: Progress, command: string) => string[];
  /** Shown once, before all else. */
  readonly readPlan?: (handle: WorkflowHandle) => Promise<RollPlan | null>;
}

export const ROLL: RunKind<RollProgress, RollReport> = {
  mark: 'nodes',
  afterTermination: 'check maintenance mode and the places of the guests by hand',
  read: readProgress,
  renderProgress,
  changes: describeChanges,
  readPlan: (handle) => handle.query<RollPlan | null>(Message.plan),
  renderReport: (report, options) =>
    report.outcome === 'planned' && report.plan !== null
      ? renderPlan(report.plan, options)
      : renderReport(report, options),
  isGood: ({ outcome, plan }) => {
    const refused = plan !== null && blockersIn(findingsOf(plan)).length > 0;
    return !(outcome === 'planned' && refused);
  },
};
