/** What a test run came to. Files that could not be loaded and errors outside of tests count as failed. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The last line of `npm test`, which programs read. */
export function countsLine({ passed, failed, skipped }: TestCounts): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}

/** Why the run counts as a failure, or `undefined` when it does not. */
export function failureReason(counts: TestCounts, inCi: boolean): string | undefined {
  if (counts.failed > 0) return `${counts.failed} failed.`;
  if (counts.passed + counts.skipped === 0) return 'No test was run, so nothing is proved.';
  if (inCi && counts.skipped > 0) return 'In CI a skipped test is a failure: run it or delete it.';
  return undefined;
}
