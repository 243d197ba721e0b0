/** Names of signals, updates and queries, the same in workflows, CLI and documentation. */
export const Message = {
  /** Update and signal: hold at the next safe point. */
  pause: 'pause',
  /** Update and signal: go on. */
  resume: 'resume',
  /** Update: agree to what the run waits for. */
  approve: 'approve',
  /** Update: leave out a node that has not been started. Argument: its name. */
  skipNode: 'skipNode',
  /** Update and signal: begin outside the maintenance windows, for the rest of the run. */
  goNow: 'goNow',
  /** Update and signal: stop after the current step and tidy up. */
  abort: 'abort',
  /** Query: the plan, or null before there is one. */
  plan: 'plan',
  /** Query: where everything stands now. */
  progress: 'progress',
  /** Query: the report, or null before the end. The only way to that of a canceled run, whose details Temporal drops. */
  report: 'report',
  /** Signal from a child to its parent: the node's progress changed. */
  nodeProgress: 'nodeProgress',
} as const;
