import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
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
  readonly #processes: ProcessTable;

  constructor(directory: string, path: string, processes: ProcessTable) {
    this.rootDirectory = join(directory, 'fs');
    this.home = join(this.rootDirectory, 'root');
    this.path = path;
    this.#processes = processes;
  }

  /** A new disk. */
  format(): void {
    rmSync(this.rootDirectory, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true });
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
