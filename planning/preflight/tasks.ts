import type { RunningTask } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import type { Policy } from '../../domain/policy.ts';
import { blocker, warning } from '../findings.ts';

/** Short tasks that hold nothing up, and shells that somebody has open. */
const HARMLESS: ReadonlySet<string> = new Set(['vncproxy', 'vncshell', 'spiceproxy', 'termproxy', 'srvreload']);

/** Tasks that a drain or a reboot of `node` would break off, or that would make it fail. */
export function runningTasks(node: string, tasks: readonly RunningTask[], backups: Policy['backups']): Finding[] {
  return tasks
    .filter((task) => task.node === node && !HARMLESS.has(task.type))
    .map(({ type, id, user, startedAt }) => {
      const evidence = `${type}${id === '' ? '' : ` ${id}`}, by ${user}, since ${startedAt}`;
      if (type === 'vzdump') {
        // By default the run waits for its end before it touches anything.
        return (backups === 'wait' ? warning : blocker)({
          code: 'backup-running',
          node,
          message: `a backup runs on ${node}`,
          evidence,
          remedy: backups === 'wait' ? 'the update waits for its end' : 'wait until it has finished, or stop it',
        });
      }
      return blocker({
        code: 'task-running',
        node,
        message: `a task runs on ${node}: ${describeTask(type)}${/^\d+$/.test(id) ? ` of ${id}` : ''}`,
        evidence,
        remedy: 'wait until it has finished, or stop it',
      });
    });
}

const TASKS: Readonly<Record<string, string>> = {
  aptupdate: 'a refresh of the package lists',
  qmigrate: 'a migration',
  vzmigrate: 'a migration',
  hamigrate: 'a migration',
  qmsnapshot: 'a snapshot',
  vzsnapshot: 'a snapshot',
  qmrestore: 'a restore',
  vzrestore: 'a restore',
  qmclone: 'a copy',
  vzclone: 'a copy',
  qmmove: 'the move of a disk',
  move_volume: 'the move of a volume',
  imgcopy: 'the copy of an image',
  download: 'a download',
};

function describeTask(type: string): string {
  return TASKS[type] ?? type;
}

/** Package work that is no task of Proxmox. Two upgrades of one node at a time are never right. */
export function packageWork(node: string, units: readonly string[]): Finding[] {
  if (units.length === 0) return [];
  return [
    blocker({
      code: 'upgrade-running',
      node,
      message: `packages of ${node} are being changed right now`,
      evidence: units.join(' '),
      remedy: `wait until it has finished: systemctl status ${units.join(' ')}`,
    }),
  ];
}
