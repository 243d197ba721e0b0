import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { countsLine, failureReason } from '../../scripts/testing/counts.ts';
import { needsTemporal } from '../../scripts/testing/layers.ts';
import { takeSweepOptions } from '../../scripts/testing/sweep-options.ts';
import { temporaryFolder, writeFiles } from '../helpers/folders.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PASSES = 'passes.test.ts';
const tests = {
  [PASSES]: `it('holds', () => { expect(1).toBe(1); });`,
  'fails.test.ts': `it('does not hold', () => { expect(1).toBe(2); });`,
  'skips.test.ts': `it.skip('is left out', () => {});`,
  'todo.test.ts': `it.todo('is not written');`,
  'hook.test.ts': `beforeAll(() => { throw new Error('no set-up'); }); it('is never reached', () => {});`,
  'broken.test.ts': `import './absent.ts'; it('is never seen', () => {});`,
  'empty.test.ts': `export {};`,
  'rejects.test.ts': `it('forgets a promise', async () => { Promise.reject(new Error('late')); await new Promise((r) => setTimeout(r, 20)); });`,
  'crashes.test.ts': `it('ends the process', () => { process.kill(process.pid, 'SIGKILL'); });`,
} as const;

/** Runs `npm test` on files of a folder of their own, which is below the project so that they find vitest. */
async function npmTest(files: (keyof typeof tests)[], env: NodeJS.ProcessEnv = {}) {
  const root = await temporaryFolder(`${ROOT}.caretaker/runner-tests`);
  const prelude = "import { beforeAll, expect, it } from 'vitest'; void beforeAll; void expect; void it;\n";
  await writeFiles(root, { 'vitest.config.ts': 'export default { test: { pool: "forks", maxWorkers: 1 } };' });
  await writeFiles(root, Object.fromEntries(files.map((name) => [`test/unit/${name}`, prelude + tests[name]])));
  // Nothing of the run this test belongs to, which is a vitest as well.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$|NODE_ENV$|CARETAKER_)/.test(name));
  return new Promise<{ code: number; lines: string[]; errors: string }>((resolve) => {
    execFile(
      process.execPath,
      [`${ROOT}scripts/test.mjs`, '--root', root, 'test/unit'],
      { env: { ...Object.fromEntries(inherited), CARETAKER_TEST_RESULTS: `${root}/results.json`, ...env } },
      (error, stdout, errors) => {
        const code = typeof error?.code === 'number' ? error.code : 0;
        resolve({ code, lines: stdout.trimEnd().split('\n'), errors });
      },
    );
  });
}

describe('npm test', () => {
  it('ends with the counts and 0 when everything passed', async () => {
    const { code, lines } = await npmTest([PASSES]);
    expect(lines.at(-1)).toBe('1 passed, 0 failed');
    expect(code).toBe(0);
  });

  it('counts a failed test and fails', async () => {
    const { code, lines, errors } = await npmTest([PASSES, 'fails.test.ts']);
    expect(lines.at(-1)).toBe('1 passed, 1 failed');
    expect(code).toBe(1);
    expect(errors).toContain('expected 1 to be 2');
  });

  it('lets a skipped test pass on a desk', async () => {
    const { code, lines } = await npmTest([PASSES, 'skips.test.ts']);
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped');
    expect(code).toBe(0);
  });

  it('fails in CI on a test that is skipped or still to do', async () => {
    const { code, lines } = await npmTest([PASSES, 'skips.test.ts', 'todo.test.ts'], { CI: 'true' });
    expect(lines.slice(-2)).toEqual([
      'In CI a skipped test is a failure: run it or delete it.',
      '1 passed, 0 failed, 2 skipped',
    ]);
    expect(code).toBe(1);
  });

  it('counts files that cannot be loaded, set-ups that fail and errors outside of tests as failed', async () => {
    const { code, lines } = await npmTest([
      PASSES,
      'broken.test.ts',
      'hook.test.ts',
      'rejects.test.ts',
      'empty.test.ts',
    ]);
    const [, passed, failed] = /^(\d+) passed, (\d+) failed/.exec(lines.at(-1) ?? '') ?? [];
    expect(Number(passed)).toBe(2);
    expect(Number(failed)).toBeGreaterThanOrEqual(4);
    expect(code).toBe(1);
  });

  it('counts a test process that died as failed', async () => {
    const { code, lines } = await npmTest([PASSES, 'crashes.test.ts']);
    expect(lines.at(-1)).toMatch(/^1 passed, [1-9]\d* failed/);
    expect(code).toBe(1);
  });

  it('fails when no test was run', async () => {
    const { code, lines } = await npmTest([]);
    expect(lines.at(-1)).toBe('0 passed, 0 failed');
    expect(code).toBe(1);
  });
});

describe('the counts', () => {
  it('mention skipped tests only when there are some', () => {
    expect(countsLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
    expect(countsLine({ passed: 12, failed: 1, skipped: 2 })).toBe('12 passed, 1 failed, 2 skipped');
  });

  it('are a failure when a test failed, none ran, or CI skipped one', () => {
    expect(failureReason({ passed: 1, failed: 0, skipped: 0 }, true)).toBeUndefined();
    expect(failureReason({ passed: 1, failed: 0, skipped: 1 }, false)).toBeUndefined();
    expect(failureReason({ passed: 1, failed: 0, skipped: 1 }, true)).toMatch('In CI');
    expect(failureReason({ passed: 0, failed: 0, skipped: 0 }, false)).toMatch('No test was run');
    expect(failureReason({ passed: 9, failed: 1, skipped: 0 }, false)).toBe('1 failed.');
  });
});

describe('the choice of tests', () => {
  it.each([
    [[], true],
    [['test/unit'], false],
    [['test/unit/quorum.test.ts', './test/replay'], false],
    [['--project', 'unit'], false],
    [['--project=replay', '--project=chaos'], true],
    [['test/unit', 'test/workflow'], true],
    [['quorum'], true],
  ])('%j needs Temporal: %s', (args, needed) => {
    expect(needsTemporal(args)).toBe(needed);
  });
});

describe('the options of the chaos sweeps', () => {
  it('are kept from vitest and handed to the sweeps', () => {
    const given = ['--project', 'chaos', '--long', 'test/chaos/a.test.ts', '--seed', '17'];
    expect(takeSweepOptions(given)).toEqual({
      args: ['--project', 'chaos', 'test/chaos/a.test.ts'],
      env: { CARETAKER_CHAOS_LONG: 'true', CARETAKER_CHAOS_SEED: '17' },
    });
    expect(takeSweepOptions(['--seed=3']).env).toEqual({ CARETAKER_CHAOS_SEED: '3' });
  });

  it.each([['--seed'], ['--seed', 'x'], ['--seed=']])('name a seed that is none: %s %s', (...given) => {
    expect(() => takeSweepOptions(given.filter((arg) => typeof arg === 'string'))).toThrow('--seed: give the number');
  });
});
