import { createInterface } from 'node:readline/promises';
import { runCli } from './program.ts';

const { argv, env, stdin, stdout, stderr } = process;

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stdout });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

const isAttended = stdin.isTTY && stdout.isTTY;
process.exitCode = await runCli(argv.slice(2), { env, stdout, stderr, ...(isAttended ? { ask } : {}) });
