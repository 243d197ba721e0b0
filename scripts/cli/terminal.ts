import { DEFAULT_COMMAND, type RenderOptions } from './render/style.ts';

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** What a command sees of the process. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks the person at the keyboard for a line; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>;
}

/** 0: good. 1: the run was refused, failed, was aborted or canceled. 2: usage, configuration or connection. */
export type ExitCode = 0 | 1 | 2;

/** Ends a command with a sentence for people and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Wider lines are hard to read, however wide the terminal is. */
const WIDEST = 140;

export function layoutFor(out: Output, env: NodeJS.ProcessEnv): Required<RenderOptions> {
  const color = out.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return { width: Math.min(out.columns ?? 100, WIDEST), color, command: commandName(env) };
}

/** How people call the CLI here: npm names the script that it runs, and a fresh clone has no `caretaker` on PATH. */
export function commandName(env: NodeJS.ProcessEnv): string {
  return env['npm_lifecycle_event'] === undefined ? DEFAULT_COMMAND : 'npm run caretaker --';
}

/** Whether the person at the keyboard says yes; where there is none, nobody does. */
export async function isAgreed({ ask }: Terminal, question: string): Promise<boolean> {
  return ask !== undefined && /^y(es)?$/i.test((await ask(`${question} [y/N] `)).trim());
}

export function printLine(out: Output, text: string): void {
  out.write(`${text}\n`);
}

export function printJson(out: Output, value: unknown): void {
  printLine(out, JSON.stringify(value, null, 2));
}
