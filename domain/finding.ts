/**
 * Whether a blocker of this code may be overridden: `never` for safety rules and for what a policy decides better,
 * `allowed` for what a person may know better, `moot` for what never blocks.
 */
export type OverrideRule = 'never' | 'allowed' | 'moot';

/** Every code that a preflight may find. People and programs go by these; docs/reference/findings.md explains them. */
export const FINDING_CODES = {
  'node-offline': 'never',
  'unknown-node': 'never',
  'not-quorate': 'never',
  'loses-quorum': 'never',
  'would-fence': 'never',
  'ha-disarmed': 'never',
  'own-guest': 'never',
  'window-too-short': 'never',
  'guest-cannot-move': 'never',
  'guest-refused': 'never',
  'foreign-maintenance': 'allowed',
  'guest-locked': 'allowed',
  'probe-failing': 'allowed',
  'no-capacity': 'allowed',
  'guest-left-behind': 'moot',
  'kernel-pinned': 'moot',
  'reboot-forbidden': 'moot',
  'unknown-guest': 'moot',
} as const satisfies Readonly<Record<string, OverrideRule>>;

export type FindingCode = keyof typeof FINDING_CODES;

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
