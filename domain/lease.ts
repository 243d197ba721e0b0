/** One run, and not a later one under the same workflow id. */
export interface RunRef {
  readonly workflowId: string;
  /** Of its first execution: a run that continues as new stays the same run. */
  readonly runId: string;
}

/** `power` goes before everything: it is about minutes of battery. */
export type LeasePriority = 'maintenance' | 'power';

/** A run that asks to be the one that disturbs the cluster. */
export interface LeaseRequest {
  readonly run: RunRef;
  /** What it is about to do, for those who wait for it: `update pve1, pve2`. */
  readonly reason: string;
  readonly priority: LeasePriority;
}

export interface LeaseClaim extends LeaseRequest {
  /** ISO 8601. */
  readonly since: string;
}

export interface LeaseHolder extends LeaseClaim {
  /** Who needs the cluster more, once the holder has been told to stop. */
  readonly preemptedBy: LeaseRequest | null;
}

/** What a run is told when it has asked, or asks again. */
export type LeaseAnswer =
  | { readonly granted: true }
  | {
      readonly granted: false;
      readonly holder: LeaseHolder;
      /** Runs whose turn comes before. */
      readonly ahead: number;
    };

/** A word of the lease to a run: it is its turn, or it has to make way. */
export type LeaseMessage =
  | { readonly kind: 'granted'; readonly to: RunRef }
  | { readonly kind: 'preempted'; readonly to: RunRef; readonly by: LeaseRequest };

/** Who disturbs the cluster, who waits, and who has not yet been told. Carried over when the lease continues as new. */
export interface LeaseState {
  readonly holder: LeaseHolder | null;
  /** In the order of their turns. */
  readonly queue: readonly LeaseClaim[];
  readonly outbox: readonly LeaseMessage[];
}

/** Answer of the query `lease`. */
export interface LeaseView {
  readonly cluster: string;
  readonly holder: LeaseHolder | null;
  readonly queue: readonly LeaseClaim[];
}
