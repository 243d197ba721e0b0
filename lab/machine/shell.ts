import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskCopy } from '../core/machine.ts';
import type { ProcessTable, Session } from './processes.ts';

export interface Login {
  readonly actor: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Cuts the connection the login came by. */
  readonly cut?: () => void;
}

/** Runs lines under the machine's `/bin/sh`, at home in the machine's own folder. */
export class Shell {
  /** What the machine's programs have as `/`; only `root/` below it is theirs. */
  readonly rootDirectory: string;
  readonly home: string;
  readonly path: string;
  readonly #copies: string;
  readonly #processes: ProcessTable;
  #copied = 0;

  constructor(directory: string, path: string, processes: ProcessTable) {
    this.rootDirectory = join(directory, 'fs');
    this.#copies = join(directory, 'copies');
    this.home = join(this.rootDirectory, 'root');
    this.path = path;
    this.#processes = processes;
  }

  /** A new disk. */
  format(): void {
    for (const folder of [this.rootDirectory, this.#copies]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true });
  }

  /** Copies the disk as it is; programs that run may go on writing to it. */
  async copyFiles(): Promise<DiskCopy> {
    const copy = join(this.#copies, String(this.#copied++));
    await copyLive(this.rootDirectory, copy);
    return {
      restore: async () => {
        await rm(this.rootDirectory, { recursive: true, force: true });
        await cp(copy, this.rootDirectory, COPY);
      },
      drop: () => rmSync(copy, { recursive: true, force: true }),
    };
  }

  start(line: string, login: Login): { child: ChildProcessWithoutNullStreams; session: Session } {
    const session = this.#processes.open(login.actor);
    const child = this.#processes.spawn(session, ['/bin/sh', '-c', line], {
      cwd: this.home,
      env: {
        LANG: 'C.UTF-8',
        ...login.env,
        HOME: this.home,
        USER: 'root',
        LOGNAME: 'root',
        SHELL: '/bin/sh',
        PATH: this.path,
      },
    });
    child.on('error', () => undefined);
    if (login.cut) child.once('close', this.#processes.onCut(session, login.cut));
    return { child, session };
  }
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true } as const;
const COPY_TRIES = 20;

/** A file that is renamed under the copy is looked for in vain: then once more from the start. */
async function copyLive(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await cp(from, to, COPY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === COPY_TRIES) throw error;
      await rm(to, { recursive: true, force: true });
    }
  }
}
