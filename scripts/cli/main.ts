import { runCli } from './program.ts';

const { argv, env, stdout, stderr } = process;
process.exitCode = await runCli(argv.slice(2), { env, stdout, stderr });
