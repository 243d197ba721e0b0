// The part of `npm test` that comes after the bootstrap: obtains Temporal, runs vitest and ends with one line of counts.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTeardown } from './lib/teardown.ts';
import { locateTemporalCli, locateTestServer, TemporalUnavailableError } from './temporal/locate.ts';
import { countsLine, failureReason, type TestCounts } from './testing/counts.ts';
import { needsTemporal } from './testing/layers.ts';
import { takeSweepOptions } from './testing/sweep-options.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORTER = fileURLToPath(new URL('./testing/counts-reporter.ts', import.meta.url));
const RESULTS = join(ROOT, '.caretaker', 'test-results');
const NOTHING_RAN: TestCounts = { passed: 0, failed: 1, skipped: 0 };

const teardown = createTeardown();
const counts = await runTests(process.argv.slice(2));
await teardown.run();

const reason = failureReason(counts, isTrue(process.env.CI));
if (reason !== undefined) console.log(reason);
console.log(countsLine(counts));
process.exitCode = reason === undefined ? 0 : 1;

async function runTests(given: string[]): Promise<TestCounts> {
  const { args, env: sweep } = takeSweepOptions(given);
  const env = { ...process.env, ...sweep };
  if (needsTemporal(args)) {
    try {
      Object.assign(env, await obtainTemporal());
    } catch (error) {
      if (!(error instanceof TemporalUnavailableError)) throw error;
      console.error(error.message);
      return NOTHING_RAN;
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'caretaker-test-'));
  teardown.add('remove the counts', () => rmSync(folder, { recursive: true, force: true }));
  env.CARETAKER_TEST_COUNTS = join(folder, 'counts.json');
  mkdirSync(RESULTS, { recursive: true });
  const results = process.env.CARETAKER_TEST_RESULTS ?? join(RESULTS, 'results.json');

  const reporters = ['--reporter', 'default', '--reporter', 'json', '--reporter', REPORTER];
  const code = await runVitest(['run', ...reporters, `--outputFile.json=${results}`, ...args], env);
  return readCounts(env.CARETAKER_TEST_COUNTS, code);
}

/** Obtains both servers and says where they came from; their paths are what the test files go by. */
async function obtainTemporal(): Promise<NodeJS.ProcessEnv> {
  const say = (sentence: string): void => {
    console.log(sentence);
  };
  const cli = await locateTemporalCli({ say });
  say(cli.sentence);
  const testServer = await locateTestServer({ say });
  say(testServer.sentence);
  return { TEMPORAL_CLI_PATH: cli.path, TEMPORAL_TEST_SERVER_PATH: testServer.path };
}

function runVitest(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [VITEST, ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    // vitest ends its own workers and servers when it is asked to; it gets the time to.
    teardown.add('end vitest', async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await new Promise((ended) => child.once('exit', ended));
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** A vitest that ended badly without a failed test to show for it still is a failure. */
function readCounts(file: string, vitestCode: number): TestCounts {
  let read: TestCounts;
  try {
    read = JSON.parse(readFileSync(file, 'utf8')) as TestCounts;
  } catch {
    return NOTHING_RAN;
  }
  const silent = vitestCode !== 0 && read.failed === 0 && read.passed + read.skipped > 0;
  return silent ? { ...read, failed: 1 } : read;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value.toLowerCase() !== 'false';
}
