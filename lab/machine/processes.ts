import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** One login, unit or `exec` on a machine; all processes it starts carry its id and actor in their environment. */
export interface Session {
  readonly id: string;
  /** Who runs it: `ssh:root@node/pve-node1`, `unit:caretaker-….service`. */
  readonly actor: string;
}

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * The real processes of one machine. They are found by a mark in their environment rather than by process group,
 * because `setsid` and background jobs leave the group and a power cut must not.
 */
export class ProcessTable {
  readonly #mark: string;
  readonly #cuts = new Map<string, () => void>();
  /** Nothing to look for is the common case when a machine goes down; at first there may be a dead lab's leftovers. */
  #mayHaveProcesses = true;
  #seq = 0;

  /** `mark` must be unique on this computer: the machine's directory. */
  constructor(mark: string) {
    this.#mark = mark;
  }

  open(actor: string): Session {
    this.#mayHaveProcesses = true;
    return { id: `${++this.#seq}.${Date.now()}`, actor };
  }

  /** Remembers how to cut the connection a session came by. The result forgets it. */
  onCut(session: Session, cut: () => void): () => void {
    this.#cuts.set(session.id, cut);
    return () => this.#cuts.delete(session.id);
  }

  /** Cuts the connection of the session with this id, if it has one. */
  cut(sessionId: string | undefined): void {
    this.#cuts.get(sessionId ?? '')?.();
  }

  /** Starts a program in a process group of its own. */
  spawn(session: Session, argv: readonly string[], options: SpawnOptions): ChildProcessWithoutNullStreams {
    const [file, ...args] = argv;
    return spawn(file ?? '/bin/sh', args, {
      cwd: options.cwd,
      env: { ...options.env, LAB_MACHINE: this.#mark, LAB_SESSION: session.id, LAB_ACTOR: session.actor },
      detached: true,
      stdio: 'pipe',
    });
  }

  /** Process ids of the whole machine, or of one session. */
  pids(session?: Session): number[] {
    if (!this.#mayHaveProcesses) return [];
    const mark = session ? `LAB_SESSION=${session.id}` : '';
    return environments(`LAB_MACHINE=${this.#mark}`, mark);
  }

  /** Sends a signal to every process once. */
  signal(signal: NodeJS.Signals, session?: Session): number {
    const pids = this.pids(session);
    for (const pid of pids) kill(pid, signal);
    return pids.length;
  }

  /** Kills until none is left: a process may fork while the list is read. */
  async killAll(session?: Session): Promise<void> {
    while (this.signal('SIGKILL', session) > 0) await delay(2);
    if (!session) this.#mayHaveProcesses = false;
  }
}

/** Signals a process or, with a negative id, a group; one that is gone already is fine. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the child and everything that holds its output have ended. */
export function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
}

/** The environment a process was started with; empty when it is gone. Linux only, see `environments`. */
export function environmentOf(pid: number): Record<string, string> {
  return parseEnvironment(readEnvironment(pid).split('\0'));
}

export function parseEnvironment(entries: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at > 0) env[entry.slice(0, at)] = entry.slice(at + 1);
  }
  return env;
}

function readEnvironment(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function environments(...marks: readonly string[]): number[] {
  if (process.platform !== 'linux') return environmentsByPs(marks);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const env = `\0${readEnvironment(name)}`;
      return marks.every((mark) => mark === '' || env.includes(`\0${mark}\0`));
    })
    .map(Number);
}

/** Without /proc, ps(1) with `-E` or `e` prints the environment behind the command. */
function environmentsByPs(marks: readonly string[]): number[] {
  const lines = execFileSync('ps', ['-axwwE', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => marks.every((mark) => `${line} `.includes(mark === '' ? '' : ` ${mark} `)))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid > 0 && pid !== process.pid);
}
