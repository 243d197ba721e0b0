import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeFiles } from '../helpers/folders.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The rules that need no types, which is all but a few; they are told of files that are not on the disk. */
const quick = new ESLint({
  cwd: ROOT,
  overrideConfig: [
    {
      files: ['**/*.ts'],
      ...tseslint.configs.disableTypeChecked,
      languageOptions: { parserOptions: { projectService: false, program: null, project: false } },
    },
  ],
});

async function lint(eslint: ESLint, filePath: string, code: string, root = ROOT): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, filePath) });
  return result?.messages.map(({ ruleId, message }) => `${ruleId ?? 'parser'}: ${message}`) ?? [];
}

describe('the direction of imports', () => {
  it.each([
    ['lab/cluster/new.ts', `import { nodeId } from '../../domain/ids.ts';\nnodeId();`],
    ['lab/new.ts', `const ids = await import('../domain/ids.ts');\nids.go();`],
    ['lab/new.ts', `import { Client } from '@temporalio/client';\nnew Client();`],
    ['clients/proxmox/new.ts', `import type { Node } from '../../domain/cluster.ts';\nexport type N = Node;`],
    ['clients/new.ts', `export * from '../config/index.ts';`],
    ['domain/new.ts', `import { plan } from '../planning/plan.ts';\nplan();`],
    ['domain/new.ts', `import { z } from 'zod';\nz.string();`],
    ['planning/new.ts', `import { readFile } from 'node:fs/promises';\nawait readFile('x');`],
    ['planning/new.ts', `import type { Client } from '../clients/ssh/index.ts';\nexport type C = Client;`],
    ['workflows/new.ts', `import * as activities from '../activities/index.ts';\nactivities.go();`],
    ['workflows/new.ts', `import { type Activities } from '../activities/index.ts';\nexport type A = Activities;`],
    ['workflows/steps/new.ts', `import { request } from 'undici';\nawait request('x');`],
    ['workflows/new.ts', `import { Context } from '@temporalio/activity';\nContext.current();`],
    ['workflows/new.ts', `import { createHash } from 'node:crypto';\ncreateHash('x');`],
    ['activities/new.ts', `import { load } from '../config/index.ts';\nload();`],
    ['activities/new.ts', `import { lab } from '../lab/main.ts';\nlab();`],
    ['config/new.ts', `import { connect } from '../clients/ssh/index.ts';\nconnect();`],
    ['schedules/new.ts', `import { rollingUpdate } from '../workflows/index.ts';\nrollingUpdate();`],
    ['workers/new.ts', `import { run } from '../scripts/start.ts';\nrun();`],
    ['planning/new.ts', `export type X = import('../clients/index.ts').X;`],
  ])('refuses in %s: %s', async (file, code) => {
    const messages = await lint(quick, file, `${code}\n`);
    expect(messages.filter((message) => message.startsWith('house/room-direction'))).toHaveLength(1);
  });

  it.each([
    [
      'lab/cluster/new.ts',
      `import { Clock } from '../core/clock.ts';\nimport { Server } from 'ssh2';\nnew Server(new Clock());`,
    ],
    [
      'planning/new.ts',
      `import { nodeId } from '../domain/ids.ts';\nimport { plan } from './plan.ts';\nplan(nodeId());`,
    ],
    [
      'workflows/new.ts',
      `import type * as activities from '../activities/index.ts';\nexport type A = typeof activities;`,
    ],
    ['workflows/new.ts', `import { sleep } from '@temporalio/workflow';\nawait sleep(1);`],
    ['workflows/steps/new.ts', `import { plan } from '../../planning/plan.ts';\nplan();`],
    ['activities/new.ts', `import { connect } from '../clients/ssh/index.ts';\nconnect();`],
    ['activities/new.ts', `import type { Config } from '../config/index.ts';\nexport type C = Config;`],
    [
      'schedules/new.ts',
      `import type { rollingUpdate } from '../workflows/index.ts';\nexport type R = typeof rollingUpdate;`,
    ],
    ['scripts/new.ts', `import { lab } from '../lab/main.ts';\nimport { run } from '../workers/main.ts';\nrun(lab());`],
    ['test/unit/new.test.ts', `import { lab } from '../../lab/main.ts';\nlab();`],
  ])('allows in %s: %s', async (file, code) => {
    expect(await lint(quick, file, `${code}\n`)).toEqual([]);
  });
});

describe('determinism', () => {
  it.each([
    ['planning/new.ts', 'export const now = Date.now();'],
    ['planning/new.ts', 'export const now = new Date();'],
    ['domain/new.ts', 'export const id = Math.random();'],
    ['workflows/new.ts', 'export const id = Math.random();'],
    ['workflows/new.ts', 'export const home = process.env.HOME;'],
    ['workflows/new.ts', 'setTimeout(() => {}, 10);'],
    ['workflows/new.ts', "export const page = fetch('http://pve1:8006');"],
    ['planning/new.ts', 'setInterval(() => {}, 10);'],
  ])('refuses in %s: %s', async (file, code) => {
    const messages = await lint(quick, file, `${code}\n`);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/^no-restricted-(syntax|globals|properties):/);
  });

  it.each([
    ['workflows/new.ts', 'export const now = Date.now();'],
    ['planning/new.ts', 'export const day = new Date(0).getUTCDay();'],
    ['activities/new.ts', 'export const now = Date.now();'],
  ])('allows in %s: %s', async (file, code) => {
    expect(await lint(quick, file, `${code}\n`)).toEqual([]);
  });
});

describe('the rules of Temporal', () => {
  it.each([
    ['workflows/new.ts', "export function go() { throw new Error('plain'); }", /ApplicationFailure/],
    ['activities/new.ts', "export function go() { throw new TypeError('plain'); }", /ApplicationFailure/],
    ['workflows/new.ts', 'export const options = { validator: async (x: string) => x };', /synchronous/],
    ['workflows/new.ts', 'export const options = { async validator(x: string) { return x; } };', /synchronous/],
  ])('refuse in %s: %s', async (file, code, message) => {
    expect(await lint(quick, file, `${code}\n`)).toEqual([expect.stringMatching(message)]);
  });

  it('leave clients and planning their plain errors and validators that are synchronous', async () => {
    expect(await lint(quick, 'clients/new.ts', "export function go() { throw new Error('plain'); }\n")).toEqual([]);
    expect(await lint(quick, 'workflows/new.ts', 'export const o = { validator: (x: string) => x };\n')).toEqual([]);
  });
});

describe('the habits of the house', () => {
  it.each([
    ['clients/new.ts', "console.log('noise');", /^no-console/],
    ['test/unit/new.test.ts', "it.only('is alone', () => {});", /^no-restricted-syntax/],
    ['test/unit/new.test.ts', "describe.skip('left out', () => {});", /^no-restricted-syntax/],
    ['domain/new.ts', '// eslint-disable-next-line no-var\nvar x = 1;\nexport { x };', /^house\/explained-disable/],
    ['domain/new.ts', 'export const x: any = 1;', /no-explicit-any/],
    ['domain/new.ts', '// @ts-ignore\nexport const x: string = 1;', /ban-ts-comment/],
  ])('refuse in %s: %s', async (file, code, message) => {
    expect(await lint(quick, file, `${code}\n`)).toContainEqual(expect.stringMatching(message));
  });

  it.each([
    ['scripts/new.ts', "console.log('for people');"],
    ['lab/main.ts', "console.log('for people');"],
    ['domain/new.ts', '// eslint-disable-next-line no-var -- the parser of old browsers\nvar x = 1;\nexport { x };'],
  ])('allow in %s: %s', async (file, code) => {
    expect(await lint(quick, file, `${code}\n`)).toEqual([]);
  });

  it('refuse, knowing the types, a forgotten promise, a type imported as a value and a case left out', async () => {
    // A project of one file, because loading the types of the whole one takes its time on a busy machine.
    const folder = await temporaryFolder();
    await writeFiles(folder, {
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "lib": ["ES2023"], "types": [], "noEmit": true } }',
      'typed.ts': 'export {};',
    });
    const { default: house } = (await import(`${ROOT}eslint.config.js`)) as { default: Linter.Config[] };
    const typed = new ESLint({
      cwd: folder,
      overrideConfigFile: true,
      baseConfig: [...house, { languageOptions: { parserOptions: { tsconfigRootDir: folder } } }],
    });
    const code = `
      import { Kind } from './kind.ts';
      export async function forget(): Promise<void> { Promise.resolve(); }
      export function name(kind: 'a' | 'b', other: Kind): string {
        switch (kind) { case 'a': return String(other); }
        return '';
      }`;
    const rules = (await lint(typed, 'typed.ts', code, folder)).map((message) => message.split(':')[0]);
    expect(rules).toEqual(
      expect.arrayContaining([
        '@typescript-eslint/no-floating-promises',
        '@typescript-eslint/consistent-type-imports',
        '@typescript-eslint/switch-exhaustiveness-check',
      ]),
    );
  }, 60_000);
});
