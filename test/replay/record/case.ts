/** Where a case is lived through. */
export interface Place {
  /** Of Temporal. */
  readonly address: string;
  /** Which no other case uses. */
  readonly namespace: string;
  readonly workflowBundlePath: string;
  /** Kills Temporal, starts it again with its data and waits until it answers. */
  restartTemporal(): Promise<void>;
}

/** Runs whose histories are kept under one name. */
export interface Case {
  readonly name: string;
  live(place: Place): Promise<void>;
  /** Of which workflow types; of all unless given. */
  readonly keeps?: (type: string) => boolean;
}
