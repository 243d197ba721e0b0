import type { CommandCall } from '../../core/machine.ts';
import type { System } from '../system.ts';

const LOCK = '/var/lib/dpkg/lock-frontend';

/**
 * apt's way to the lock: one try, or as many seconds as DPkg::Lock::Timeout says (-1: forever). Prints apt's words and
 * returns undefined when it stays taken.
 */
export async function lockForApt(
  system: System,
  call: CommandCall,
  command: string,
  timeoutSeconds: number,
): Promise<(() => void) | undefined> {
  const { database, context } = system;
  const deadline = timeoutSeconds < 0 ? Infinity : context.clock.now() + timeoutSeconds * 1000;
  for (let waited = false; ; waited = true) {
    const release = database.tryLock({ pid: call.pid, command });
    if (release) return release;
    const holder = database.lockHolder;
    const held = `Could not get lock ${LOCK}. It is held by process ${holder?.pid} (${holder?.command})`;
    const left = deadline - context.clock.now();
    if (left <= 0) {
      // Said once: while it waits, each try is a line of its own.
      if (!waited) {
        call.err(`E: ${held}\nN: Be aware that removing the lock file is not a solution and may break your system.\n`);
      }
      call.err(`E: Unable to acquire the dpkg frontend lock (${LOCK}), is another process using it?\n`);
      return undefined;
    }
    if (!waited) call.out(`Waiting for cache lock: ${held}...\n`);
    await database.waitForUnlock(left === Infinity ? -1 : left, call.signal);
    call.signal.throwIfAborted();
  }
}

/** dpkg itself never waits. */
export function lockForDpkg(system: System, call: CommandCall): (() => void) | undefined {
  const { database } = system;
  const release = database.tryLock({ pid: call.pid, command: 'dpkg' });
  if (!release) {
    call.err(
      `dpkg: error: dpkg frontend lock was locked by another process with pid ${database.lockHolder?.pid}\n` +
        'Note: removing the lock file is always wrong, can damage the locked area\n' +
        'and the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.\n',
    );
  }
  return release;
}
