import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';
import type { TestCounts } from './counts.ts';

/** A vitest reporter that leaves the counts in the file named by `CARETAKER_TEST_COUNTS`. */
export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const file = process.env.CARETAKER_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(count(modules, unhandledErrors.length)));
  }
}

function count(modules: readonly TestModule[], unhandledErrors: number): TestCounts {
  const counts = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    const tests = [...module.children.allTests()];
    for (const test of tests) {
      const { state } = test.result();
      // A test without a result was never reached, for instance because its process died.
      counts[state === 'pending' ? 'failed' : state] += 1;
    }
    const failedTests = tests.some((test) => test.result().state === 'failed');
    const failedSuites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
    counts.failed += failedSuites.length + module.errors().length;
    // However vitest came to call the file failed, it is not lost in the counts.
    if (module.state() === 'failed' && !failedTests && failedSuites.length + module.errors().length === 0) {
      counts.failed += 1;
    }
  }
  return counts;
}
