import type { Task } from '../../cluster/tasks.ts';
import { seconds } from '../route.ts';

/** Fields every view of a task has. A token's tasks carry its user and its id apart. */
function common(task: Task): Record<string, string | number> {
  const [user = task.user, tokenid] = task.user.split('!');
  return {
    upid: task.upid,
    node: task.node,
    pid: task.pid,
    pstart: task.pstart,
    starttime: seconds(task.startedAt),
    type: task.type,
    id: task.id,
    user,
    ...(tokenid === undefined ? {} : { tokenid }),
  };
}

/** A line of `GET /nodes/{node}/tasks` or `/cluster/tasks`; running ones have no end time. */
export function listEntry(task: Task): Record<string, string | number> {
  return {
    ...common(task),
    ...(task.endedAt === undefined ? {} : { endtime: seconds(task.endedAt) }),
    status: task.exitStatus ?? 'RUNNING',
  };
}

/** `GET /nodes/{node}/tasks/{upid}/status` */
export function statusEntry(task: Task): Record<string, string | number> {
  return {
    ...common(task),
    status: task.running ? 'running' : 'stopped',
    ...(task.exitStatus === undefined ? {} : { exitstatus: task.exitStatus }),
  };
}
