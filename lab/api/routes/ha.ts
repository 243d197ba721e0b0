import { createHash } from 'node:crypto';
import type { HaResource } from '../../cluster/ha-state.ts';
import { ruleEntry } from '../../cluster/ha-rules.ts';
import { haStatus, managerStatus } from '../../cluster/ha-status.ts';
import { dieError } from '../../cluster/errors.ts';
import { optionalText, SPEC, text } from '../parameters.ts';
import { actor } from '../route.ts';
import type { Call, Route } from '../route.ts';
import type { HaRequest } from '../../site.ts';

const AUDIT_ROOT = { path: '/', privileges: ['Sys.Audit'] } as const;
const CONSOLE_ROOT = { path: '/', privileges: ['Sys.Console'] } as const;
const SID = { type: 'string', pattern: /^((ct|vm):)?\d+$/ } as const;

/** `/cluster/ha` */
export const HA_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/cluster/ha/status/current',
    parameters: {},
    permission: AUDIT_ROOT,
    run: ({ cluster, node }) => haStatus(cluster, node),
  },
  {
    method: 'GET',
    path: '/cluster/ha/status/manager_status',
    parameters: {},
    permission: AUDIT_ROOT,
    run: ({ cluster, node }) => managerStatus(cluster, node),
  },
  {
    method: 'POST',
    path: '/cluster/ha/status/disarm-ha',
    parameters: { 'resource-mode': { type: 'string', enum: ['freeze', 'ignore'] } },
    permission: CONSOLE_ROOT,
    run: (call) => {
      call.cluster.ha.queue(`disarm-ha ${text(call.parameters, 'resource-mode')}`, actor(call));
      return null;
    },
  },
  {
    method: 'POST',
    path: '/cluster/ha/status/arm-ha',
    parameters: {},
    permission: CONSOLE_ROOT,
    run: (call) => {
      call.cluster.ha.queue('arm-ha', actor(call));
      return null;
    },
  },
  {
    method: 'GET',
    path: '/cluster/ha/resources',
    parameters: { type: { type: 'string', optional: true, enum: ['ct', 'vm'] } },
    permission: AUDIT_ROOT,
    run: ({ cluster, parameters }) =>
      [...cluster.ha.resources.values()]
        .filter((resource) => resource.sid.startsWith(optionalText(parameters, 'type') ?? ''))
        .map(resourceEntry),
  },
  {
    method: 'GET',
    path: '/cluster/ha/resources/{sid}',
    parameters: { sid: SID },
    permission: AUDIT_ROOT,
    run: (call) => resourceEntry(resourceOf(call)),
  },
  {
    method: 'PUT',
    path: '/cluster/ha/resources/{sid}',
    parameters: {
      sid: SID,
      state: { type: 'string', optional: true, enum: ['started', 'stopped', 'enabled', 'disabled', 'ignored'] },
      comment: SPEC.text,
      failback: SPEC.flag,
      max_restart: SPEC.count,
      max_relocate: SPEC.count,
    },
    permission: CONSOLE_ROOT,
    run: update,
  },
  ...(['migrate', 'relocate'] as const).map((verb): Route => ({
    method: 'POST',
    path: `/cluster/ha/resources/{sid}/${verb}`,
    parameters: { sid: SID, node: SPEC.node },
    permission: CONSOLE_ROOT,
    run: (call) => move(call, verb),
  })),
  {
    method: 'GET',
    path: '/cluster/ha/rules',
    parameters: { type: SPEC.text, resource: SPEC.text },
    permission: AUDIT_ROOT,
    run: ({ cluster, parameters }) =>
      (cluster.site.haRules ?? [])
        .filter((rule) => rule.type === (optionalText(parameters, 'type') ?? rule.type))
        .map(ruleEntry),
  },
];

function resourceOf({ cluster, parameters }: Call): HaResource {
  const sid = text(parameters, 'sid');
  if (sid.includes(':')) return cluster.ha.resource(sid);
  const guest = cluster.guests.get(Number(sid));
  if (!guest) throw dieError(`no such resource '${sid}'`);
  return cluster.ha.resource(guest.sid);
}

function resourceEntry(resource: HaResource): Record<string, string | number> {
  const entry = {
    sid: resource.sid,
    type: resource.sid.split(':')[0] ?? '',
    state: resource.state,
    max_restart: resource.maxRestart,
    max_relocate: resource.maxRelocate,
    failback: resource.failback ? 1 : 0,
    ...(resource.comment === undefined ? {} : { comment: resource.comment }),
  };
  return { ...entry, digest: createHash('sha1').update(JSON.stringify(entry)).digest('hex') };
}

function update(call: Call): null {
  const { cluster, parameters } = call;
  cluster.assertWritable();
  const resource = resourceOf(call);
  const state = optionalText(parameters, 'state');
  if (state !== undefined) resource.state = (state === 'enabled' ? 'started' : state) as HaRequest;
  resource.comment = optionalText(parameters, 'comment') ?? resource.comment;
  return null;
}

/** Only queued: the answer says that the CRM will be told, not that it will obey. */
function move(call: Call, verb: 'migrate' | 'relocate'): Record<string, string> {
  const resource = resourceOf(call);
  const target = text(call.parameters, 'node');
  call.cluster.node(target);
  call.cluster.ha.queue(`${verb} ${resource.sid} ${target}`, actor(call));
  return { sid: resource.sid, 'requested-node': target };
}
