/** Names of signals, updates and queries, the same in workflows, CLI and documentation. */
export const Message = {
  /** Update and signal: hold at the next safe point. */
  pause: 'pause',
  /** Update and signal: go on. */
  resume: 'resume',
  /** Update: agree to what the run waits for. */
  approve: 'approve',
  /** Update and signal: answer the open question. Argument: its id and one of its options. */
  decide: 'decide',
  /** Query: the open question, or null. */
  question: 'question',
  /** Update: leave out a node that has not been started. Argument: its name. */
  skipNode: 'skipNode',
  /** Update and signal: begin outside the maintenance windows, for the rest of the run. */
  goNow: 'goNow',
  /** Update and signal: stop after the current step and tidy up. */
  abort: 'abort',
  /** Update and signal of `patchHost` in the pause before a reboot: reboot now. */
  rebootNow: 'rebootNow',
  /** The same: do not reboot. */
  skipReboot: 'skipReboot',
  /** Signal to `removeSnapshot`: leave it to a person. */
  keepSnapshot: 'keepSnapshot',
  /** Signal to `removeSnapshot`: its time has come. */
  removeNow: 'removeNow',
  /** Query: the plan, or null before there is one. */
  plan: 'plan',
  /** Query: where everything stands now. */
  progress: 'progress',
  /** Query: the report, or null before the end. The only way to that of a canceled run, whose details Temporal drops. */
  report: 'report',
  /** Query: what is still to be undone, and why. */
  undo: 'undo',
  /** Update of `undoLater`: try now. */
  retryNow: 'retryNow',
  /** Update of `undoLater`: leave all, or one entry, to people. Argument: its key, or none. */
  forget: 'forget',
  /** Signal to `undoLater`: another run has left something on its node. Argument: Leftover. */
  undoMore: 'undoMore',
  /** Signal from a child to its parent: the node's progress changed. */
  nodeProgress: 'nodeProgress',
  /** Update of `powerOutage`: stay in this phase as long as only time asks for the next. */
  holdPhase: 'holdPhase',
  /** The same: go on by time again. */
  releasePhase: 'releasePhase',
  /** The same: begin phase 2 now. */
  shedNow: 'shedNow',
  /** The same: begin phase 3 now. */
  finalNow: 'finalNow',
  /** Update of the lease: have the cluster, or wait for it. Argument: LeaseRequest. Answer: LeaseAnswer. */
  requestLease: 'request',
  /** Update of the lease: the same, ahead of everyone, and the holder is told to stop. */
  preemptLease: 'preempt',
  /** Signal to the lease: a run needs it no more. Argument: its RunRef. */
  releaseLease: 'release',
  /** Query of the lease: who has the cluster and who waits for it. */
  lease: 'lease',
  /** Signal from the lease to a run that waits: it is its turn. Argument: the RunRef of the run that is meant. */
  leaseGranted: 'leaseGranted',
  /**
   * Signal from the lease to its holder: stop at the next safe point. Arguments: LeaseRequest of who needs it; RunRef of the
   * run that is meant, if it is not whoever hears it.
   */
  preempted: 'preempted',
} as const;
