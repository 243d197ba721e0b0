import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * A machine that is off listens nowhere, yet its port must stay its own: another lab that took it meanwhile would answer
 * for it. So the labs of one user tell each other which ports they hold, a file each.
 */
const FOLDER = join(tmpdir(), `caretaker-lab-ports-${userInfo().uid}`);

const held = new Set<string>();

/**
 * Takes a port for `owner` until this process ends.
 *
 * @param owner Names the holder over restarts, such as the folder of a machine.
 * @returns false when another holder that still lives has it.
 */
export function reservePort(port: number, owner: string): boolean {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const file = join(FOLDER, String(port));
  const claim = `${process.pid} ${owner}`;
  if (!write(file, claim)) {
    const [pid = '', ...rest] = read(file).split(' ');
    if (rest.join(' ') !== owner && isAlive(Number(pid))) return false;
    rmSync(file, { force: true });
    if (!write(file, claim)) return false;
  }
  if (held.size === 0) process.once('exit', releaseAll);
  held.add(file);
  return true;
}

function write(file: string, claim: string): boolean {
  try {
    writeFileSync(file, claim, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Empty when its holder has just gone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function releaseAll(): void {
  for (const file of held) rmSync(file, { force: true });
}
