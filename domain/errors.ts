/** Stable types of failures: programs go by these, people by the message. */
export const ErrorType = {
  /** Input or configuration is wrong; the message names the field. */
  InvalidInput: 'InvalidInput',
  /** Blockers keep the run from what it was to do; the details hold the report with them. */
  Refused: 'Refused',
  /** No maintenance window is open that the node fits into; nothing was touched. */
  OutsideWindow: 'OutsideWindow',
  /** The world is no longer what the plan was made for. */
  PlanChanged: 'PlanChanged',
  /** A remote system refused: asking again cannot help. */
  RemoteRefused: 'RemoteRefused',
  /** A remote system did not answer, or not in time: the world may change. */
  RemoteUnavailable: 'RemoteUnavailable',
  /** A guest is not where it should be. */
  GuestMoveFailed: 'GuestMoveFailed',
  /** A guest does not exist any more. */
  GuestGone: 'GuestGone',
  /** A snapshot could not be taken or removed; the guest is as it was. */
  SnapshotFailed: 'SnapshotFailed',
  /** A guest could not be taken back to its snapshot, or does not run since. */
  RollbackFailed: 'RollbackFailed',
  /** Packages could not be upgraded; the details hold the end of the log. */
  UpgradeFailed: 'UpgradeFailed',
  /** The node did not prove a reboot in time. */
  RebootNotProven: 'RebootNotProven',
  /** A new kernel was booted for a trial and did not prove well; a person decides whether it stays. */
  KernelNotProven: 'KernelNotProven',
  /** A host did not answer in time. */
  HostSilent: 'HostSilent',
  /** The node is back but not a full member of the cluster. */
  RejoinFailed: 'RejoinFailed',
  /** A probe that was well before the update is not any more. */
  ProbeFailed: 'ProbeFailed',
  /** The node was left out after trouble, as the policy or a person chose. */
  NodeSkipped: 'NodeSkipped',
  /** The node update ended badly; the details hold its report. */
  NodeUpdateFailed: 'NodeUpdateFailed',
  /** The rolling update ended badly; the details hold its report. */
  RollFailed: 'RollFailed',
  /** What a run has left could not be undone in days; the details hold the UndoResult. */
  UndoGivenUp: 'UndoGivenUp',
  /** The patching of a host ended badly; the details hold its report. */
  HostPatchFailed: 'HostPatchFailed',
  /** Hosts of a group, or of the weekly updates, were not patched as they should be; the details hold the report. */
  FleetFailed: 'FleetFailed',
  /** The NUT client of a node could not be made, or does not prove that it protects the node. */
  NutClientNotProved: 'NutClientNotProved',
  /** The NUT clients of some nodes are not as they should be; the details hold the report. */
  NutClientsFailed: 'NutClientsFailed',
  /** An operator asked to stop. */
  Aborted: 'Aborted',
} as const;

export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType];
