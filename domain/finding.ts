/**
 * Whether a blocker of this code may be overridden: `never` for safety rules and for what a policy decides better,
 * `allowed` for what a person may know better, `moot` for what never blocks.
 */
export type OverrideRule = 'never' | 'allowed' | 'moot';

/** Every code that a preflight may find. People and programs go by these; docs/reference/findings.md explains them. */
export const FINDING_CODES = {
  'node-offline': 'never',
  'node-unreachable': 'never',
  'no-agreement': 'never',
  'unknown-node': 'never',
  'not-quorate': 'never',
  'loses-quorum': 'never',
  'would-fence': 'never',
  'ha-disarmed': 'never',
  'own-guest': 'never',
  'window-too-short': 'never',
  'state-unknown': 'never',
  'missing-privileges': 'never',
  'upgrade-running': 'never',
  'major-upgrade': 'never',
  'pin-broken': 'never',
  'no-canary': 'never',
  'ha-error': 'never',
  'guest-cannot-move': 'never',
  'guest-refused': 'never',
  'guest-locked': 'never',
  'foreign-maintenance': 'allowed',
  'probe-failing': 'allowed',
  'no-capacity': 'allowed',
  'backup-running': 'allowed',
  'task-running': 'allowed',
  'replication-failed': 'allowed',
  'storage-inactive': 'allowed',
  'packages-broken': 'allowed',
  'repository-error': 'allowed',
  'disk-space': 'allowed',
  'boot-partition': 'allowed',
  'clock-skew': 'allowed',
  'guest-left-behind': 'moot',
  'starts-at-boot': 'moot',
  'not-checked': 'moot',
  'backup-due': 'moot',
  'qdevice-lost': 'moot',
  'replication-stale': 'moot',
  'storage-full': 'moot',
  'packages-held': 'moot',
  'repository-warning': 'moot',
  'kernel-pinned': 'moot',
  'reboot-forbidden': 'moot',
  'unknown-guest': 'moot',
} as const satisfies Readonly<Record<string, OverrideRule>>;

export type FindingCode = keyof typeof FINDING_CODES;

/** Codes that `overrides` of the policy may name. */
export const OVERRIDABLE_CODES: readonly FindingCode[] = (Object.keys(FINDING_CODES) as FindingCode[])
  .filter((code) => FINDING_CODES[code] === 'allowed')
  .sort();

/** Something that stands in the way of a run, or that is worth a word before it; all are found before it begins. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: 'blocker' | 'warning';
  /** Node that it is about, which need not be one of the run; null for the whole cluster. */
  readonly node: string | null;
  readonly vmid?: number;
  /** One sentence for people. */
  readonly message: string;
  /** What was seen, in the words of its source. */
  readonly evidence?: string;
  /** What to do about it. */
  readonly remedy: string;
  /** A blocker that the policy overrides by its code: it blocks no more, and stays in plan and report. */
  readonly overridden?: true;
}
