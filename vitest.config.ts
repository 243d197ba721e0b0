import { defineConfig } from 'vitest/config';

const seconds = (n: number): number => n * 1_000;

/**
 * One project a test folder, so `--project unit` and `test/unit` both choose a layer. Forks, because the Temporal SDK's
 * native bridge crashes in worker threads. Four files at a time are right for
 * two cores: the suites start servers, and wait for them for most of their time.
 */
function layer(name: string, timeout: number, globalSetup: string[] = []) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      globalSetup: globalSetup.map((file) => `./test/helpers/${file}`),
      testTimeout: timeout,
      hookTimeout: Math.max(timeout, seconds(60)),
    },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 4,
    // Tests that say `concurrent` mostly wait.
    maxConcurrency: 2,
    // Never `.only`: a forgotten one turns the rest of the suite off without a word.
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      layer('unit', seconds(30)),
      layer('workflow', seconds(60), ['bundle-setup.ts', 'test-server-setup.ts']),
      layer('replay', seconds(60), ['bundle-setup.ts']),
      layer('integration', seconds(120), ['bundle-setup.ts', 'dev-server-setup.ts']),
      layer('real', seconds(120), ['real-setup.ts']),
      layer('chaos', seconds(900), ['bundle-setup.ts', 'dev-server-setup.ts']),
    ],
  },
});
