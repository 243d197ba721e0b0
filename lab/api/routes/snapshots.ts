import { dieError } from '../../cluster/errors.ts';
import type { Guest } from '../../cluster/guests.ts';
import { createSnapshot, deleteSnapshot, rollBack } from '../../cluster/snapshots.ts';
import type { Task } from '../../cluster/tasks.ts';
import { flag, optionalText, SPEC, text } from '../parameters.ts';
import { caller, guestOf, seconds } from '../route.ts';
import type { Call, Route } from '../route.ts';
import { start } from './guests.ts';

/** `pve-configid` of at most 40 characters. */
const NAME = { type: 'string', pattern: /^[a-zA-Z][\w-]{1,39}$/ } as const;
const GUEST = { node: SPEC.node, vmid: SPEC.vmid } as const;
const CHANGE = { path: '/vms/{vmid}', privileges: ['VM.Snapshot'] } as const;

type Kind = 'qemu' | 'lxc';

/** `/nodes/{node}/{qemu,lxc}/{vmid}/snapshot` */
export const SNAPSHOT_ROUTES: readonly Route[] = (['qemu', 'lxc'] as const).flatMap(routesOf);

function routesOf(kind: Kind): Route[] {
  const all = `/nodes/{node}/${kind}/{vmid}/snapshot`;
  const one = `${all}/{snapname}`;
  return [
    {
      method: 'GET',
      path: all,
      parameters: GUEST,
      permission: { path: '/vms/{vmid}', privileges: ['VM.Audit'] },
      run: (call) => list(guestOf(call, kind)),
    },
    {
      method: 'POST',
      path: all,
      parameters: {
        ...GUEST,
        snapname: NAME,
        description: SPEC.text,
        ...(kind === 'qemu' ? { vmstate: SPEC.flag } : {}),
      },
      permission: CHANGE,
      run: (call) => create(call, guestOf(call, kind)),
    },
    {
      method: 'PUT',
      path: `${one}/config`,
      parameters: { ...GUEST, snapname: NAME, description: SPEC.text },
      permission: CHANGE,
      run: (call) => describe(call, guestOf(call, kind)),
    },
    {
      method: 'DELETE',
      path: one,
      parameters: { ...GUEST, snapname: NAME, force: SPEC.flag },
      permission: CHANGE,
      run: (call) => {
        const name = text(call.parameters, 'snapname');
        return work(call, guestOf(call, kind), 'delsnapshot', (guest, task) =>
          deleteSnapshot(call.cluster, guest, name, task),
        );
      },
    },
    {
      method: 'POST',
      path: `${one}/rollback`,
      parameters: { ...GUEST, snapname: NAME, start: SPEC.flag },
      permission: { path: '/vms/{vmid}', privileges: ['VM.Snapshot', 'VM.Snapshot.Rollback'], any: true },
      run: (call) => {
        const name = text(call.parameters, 'snapname');
        return work(call, guestOf(call, kind), 'rollback', async (guest, task) => {
          await rollBack(call.cluster, guest, name, task);
          if (flag(call.parameters, 'start')) start(call, guest);
        });
      },
    },
  ];
}

function work(call: Call, guest: Guest, verb: string, run: (guest: Guest, task: Task) => Promise<void>): string {
  const { cluster, node } = call;
  return cluster.tasks.start(node, `${guest.worker}${verb}`, String(guest.vmid), caller(call), (task) =>
    run(guest, task),
  ).upid;
}

function create(call: Call, guest: Guest): string {
  const name = text(call.parameters, 'snapname');
  for (const reserved of ['current', 'pending']) {
    if (name.toLowerCase() === reserved) throw dieError(`unable to use snapshot name '${reserved}' (reserved name)`);
  }
  if (flag(call.parameters, 'vmstate')) throw dieError('the lab keeps no memory of a VM: leave vmstate out');
  const options = { name, description: optionalText(call.parameters, 'description') ?? '' };
  return work(call, guest, 'snapshot', (snapped, task) => createSnapshot(call.cluster, snapped, options, task));
}

function describe(call: Call, guest: Guest): null {
  call.cluster.assertWritable();
  const name = text(call.parameters, 'snapname');
  const snapshot = guest.snapshots.get(name);
  if (!snapshot) throw dieError(`snapshot '${name}' does not exist`);
  snapshot.description = optionalText(call.parameters, 'description') ?? '';
  return null;
}

/** The snapshots in no order, and the guest as it is. */
function list(guest: Guest): unknown {
  const taken = [...guest.snapshots.values()].map(({ name, description, takenAt, parent, state }) => ({
    name,
    description,
    snaptime: seconds(takenAt),
    ...(guest.spec.kind === 'qemu' ? { vmstate: 0 } : {}),
    ...(parent === undefined ? {} : { parent }),
    ...(state === undefined ? {} : { snapstate: state }),
  }));
  const current = {
    name: 'current',
    description: 'You are here!',
    running: guest.running ? 1 : 0,
    ...(guest.parent === undefined ? {} : { parent: guest.parent }),
  };
  return [...taken, current];
}
