/** What `caretaker doctor` has looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'good' | 'caution' | 'bad';
  /** What it found. */
  readonly words: string;
  readonly remedy?: string;
}
