// `npm run check`: types, lint and format of everything that is ours. `npm run format` writes what can be written.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = `${ROOT}node_modules/.bin/`;
const fix = process.argv.includes('--fix');

const steps: [name: string, program: string, args: string[]][] = [
  ['types', 'tsc', ['--noEmit', '-p', '.']],
  ['lint', 'eslint', ['.', '--max-warnings', '0', ...(fix ? ['--fix'] : [])]],
  ['format', 'prettier', ['.', '--log-level', 'warn', fix ? '--write' : '--check']],
];

const failed: string[] = [];
for (const [name, program, args] of steps) {
  if ((await run(program, args)) !== 0) failed.push(name);
}
if (failed.length === 0) console.log('Types, lint and format are clean.');
else console.error(`Not clean: ${failed.join(', ')}. "npm run format" mends what can be mended by a program.`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(program: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(BIN + program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}
