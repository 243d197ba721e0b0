import { PveError } from '../../cluster/errors.ts';
import type { Task } from '../../cluster/tasks.ts';
import { isTaskError } from '../../cluster/tasks.ts';
import { flag, number, optionalText, SPEC, text } from '../parameters.ts';
import { caller, may, Page, seconds } from '../route.ts';
import type { Call, Route } from '../route.ts';
import { listEntry, statusEntry } from './task-format.ts';

const UPID = { type: 'string' } as const;

/** `/nodes/{node}/tasks` */
export const TASK_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/tasks',
    parameters: {
      node: SPEC.node,
      source: { type: 'string', optional: true, enum: ['archive', 'active', 'all'] },
      start: SPEC.count,
      limit: SPEC.count,
      since: SPEC.count,
      until: SPEC.count,
      errors: SPEC.flag,
      vmid: { ...SPEC.vmid, optional: true },
      typefilter: SPEC.text,
      userfilter: SPEC.text,
      statusfilter: SPEC.text,
    },
    permission: 'user',
    run: list,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}/status',
    parameters: { node: SPEC.node, upid: UPID },
    permission: 'user',
    run: (call) => statusEntry(readable(call)),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}/log',
    parameters: { node: SPEC.node, upid: UPID, start: SPEC.count, limit: SPEC.count, download: SPEC.flag },
    permission: 'user',
    run: log,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/tasks/{upid}',
    parameters: { node: SPEC.node, upid: UPID },
    permission: 'user',
    run: (call) => {
      call.cluster.tasks.stop(owned(call, 'Sys.Modify'));
      return null;
    },
  },
];

/** @throws PveError 403 for another's task without the privilege, 400 for an unknown one */
function owned(call: Call, privilege: 'Sys.Audit' | 'Sys.Modify'): Task {
  const node = text(call.parameters, 'node');
  const task = call.cluster.tasks.find(node, text(call.parameters, 'upid'));
  if (task.user !== caller(call) && !may(call, `/nodes/${node}`, privilege)) {
    throw new PveError(403, `Permission check failed (/nodes/${node}, ${privilege})`);
  }
  return task;
}

function readable(call: Call): Task {
  return owned(call, 'Sys.Audit');
}

function list(call: Call): Page {
  const { parameters: p, node } = call;
  const source = optionalText(p, 'source') ?? 'archive';
  const seesAll = may(call, `/nodes/${node.name}`, 'Sys.Audit');
  const tasks = call.cluster.tasks
    .of(node.name)
    .filter((task) => seesAll || task.user === caller(call))
    .filter((task) => source === 'all' || task.running === (source === 'active'))
    .filter((task) => p['vmid'] === undefined || task.id === String(p['vmid']))
    .filter((task) => p['typefilter'] === undefined || task.type === p['typefilter'])
    .filter((task) => p['userfilter'] === undefined || task.user.includes(text(p, 'userfilter')))
    .filter((task) => seconds(task.startedAt) >= number(p, 'since', 0))
    .filter((task) => seconds(task.startedAt) <= number(p, 'until', Number.MAX_SAFE_INTEGER))
    .filter((task) => !flag(p, 'errors') || (task.exitStatus !== undefined && isTaskError(task.exitStatus)))
    .filter((task) => matchesStatus(task, optionalText(p, 'statusfilter')));
  const start = number(p, 'start', 0);
  return new Page(tasks.slice(start, start + number(p, 'limit', 50)).map(listEntry), tasks.length);
}

function matchesStatus(task: Task, filter: string | undefined): boolean {
  if (filter === undefined) return true;
  const { exitStatus } = task;
  const status =
    exitStatus === undefined || exitStatus === 'unexpected status'
      ? 'unknown'
      : exitStatus === 'OK'
        ? 'ok'
        : isTaskError(exitStatus)
          ? 'error'
          : 'warning';
  return filter.split(/[\s,;]+/).includes(status);
}

function log(call: Call): Page {
  const { lines } = readable(call);
  const start = number(call.parameters, 'start', 0);
  const shown = lines.length === 0 ? ['no content'] : lines;
  const numbered = shown.map((line, index) => ({ n: index + 1, t: line }));
  return new Page(numbered.slice(start, start + number(call.parameters, 'limit', 50)), shown.length);
}
