import { dieError } from '../../cluster/errors.ts';
import { backupEntry } from '../../cluster/backups.ts';
import type { StorageSpec } from '../../site.ts';
import { optionalText, SPEC, text } from '../parameters.ts';
import { may } from '../route.ts';
import type { Call, Route } from '../route.ts';

/** `/nodes/{node}/storage` */
export const STORAGE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/storage',
    parameters: {
      node: SPEC.node,
      content: SPEC.text,
      enabled: SPEC.flag,
      format: SPEC.flag,
      storage: SPEC.text,
      target: { ...SPEC.node, optional: true },
    },
    permission: 'user',
    run: list,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/status',
    parameters: { node: SPEC.node, storage: { type: 'string' } },
    permission: { path: '/storage/{storage}', privileges: ['Datastore.Audit', 'Datastore.AllocateSpace'], any: true },
    run: (call) => {
      const id = text(call.parameters, 'storage');
      const storage = call.cluster.storagesOf(call.node.name).find((candidate) => candidate.id === id);
      if (!storage) throw dieError(`storage '${id}' does not exist`);
      return usage(storage, !storage.inactiveOn?.includes(call.node.name));
    },
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content',
    parameters: {
      node: SPEC.node,
      storage: { type: 'string' },
      content: SPEC.text,
      vmid: { ...SPEC.vmid, optional: true },
    },
    permission: { path: '/storage/{storage}', privileges: ['Datastore.Audit', 'Datastore.AllocateSpace'], any: true },
    run: content,
  },
];

function list(call: Call): unknown {
  const { cluster, node, parameters } = call;
  const content = optionalText(parameters, 'content')?.split(',');
  const target = optionalText(parameters, 'target');
  const name = optionalText(parameters, 'storage');
  return cluster
    .storagesOf(node.name)
    .filter((storage) => may(call, `/storage/${storage.id}`, 'Datastore.Audit', 'Datastore.AllocateSpace'))
    .filter((storage) => !content || storage.content.split(',').some((kind) => content.includes(kind)))
    .filter((storage) => target === undefined || cluster.hasStorage(target, storage.id))
    .filter((storage) => name === undefined || storage.id === name)
    .map((storage) => {
      const active = !storage.inactiveOn?.includes(node.name);
      return {
        storage: storage.id,
        ...usage(storage, active),
        ...(active ? { used_fraction: storage.used / storage.total } : {}),
      };
    });
}

/** The backups on a storage, of which the caller sees those that he might restore. */
function content(call: Call): unknown {
  const { cluster, node, parameters } = call;
  const id = text(parameters, 'storage');
  const storage = cluster.storagesOf(node.name).find((candidate) => candidate.id === id);
  if (!storage) throw dieError(`storage '${id}' is not available on node '${node.name}'`);
  if (storage.inactiveOn?.includes(node.name)) throw dieError(`storage '${id}' is not online`);
  const wanted = optionalText(parameters, 'content') ?? 'backup';
  const vmid = parameters['vmid'];
  return cluster.backups
    .filter((backup) => wanted === 'backup' && backup.storage === id)
    .filter(({ guest }) => vmid === undefined || guest.vmid === vmid)
    .filter(({ guest }) => may(call, `/vms/${guest.vmid}`, 'VM.Backup'))
    .filter(() => may(call, `/storage/${id}`, 'Datastore.AllocateSpace'))
    .map((backup) => backupEntry(cluster, backup));
}

/** Of a storage that is not there, Proxmox shows sizes of zero. */
function usage(storage: StorageSpec, active: boolean): Record<string, string | number> {
  return {
    type: storage.type,
    content: storage.content,
    enabled: 1,
    active: active ? 1 : 0,
    shared: storage.shared ? 1 : 0,
    total: active ? storage.total : 0,
    used: active ? storage.used : 0,
    avail: active ? storage.total - storage.used : 0,
  };
}
