import type { Guest } from '../../cluster/guests.ts';
import { dieError, parameterError } from '../../cluster/errors.ts';
import type { Task } from '../../cluster/tasks.ts';
import { haBlockers } from '../../cluster/ha-rules.ts';
import { checkMigration } from '../../cluster/migration.ts';
import type { MigrateOptions } from '../../cluster/migration.ts';
import type { ParameterSpecs } from '../parameters.ts';
import { flag, number, optionalText, SPEC, text } from '../parameters.ts';
import { actor, assertPermission, caller, guestOf, may } from '../route.ts';
import type { Call, Route } from '../route.ts';
import { guestConfig, guestListEntry, guestStatus } from './guest-format.ts';

const GUEST = { node: SPEC.node, vmid: SPEC.vmid } as const;
const AUDIT = { path: '/vms/{vmid}', privileges: ['VM.Audit'] } as const;
const POWER = { path: '/vms/{vmid}', privileges: ['VM.PowerMgmt'] } as const;
const MIGRATE = { path: '/vms/{vmid}', privileges: ['VM.Migrate'] } as const;
/** Parameters that only root@pam may use, with a ticket. */
const ROOT_ONLY = ['force', 'skiplock', 'migration_type', 'migration_network'] as const;
const HA_SHUTDOWN_TIMEOUT = 60;

type Kind = 'qemu' | 'lxc';

/** `/nodes/{node}/qemu` and `/nodes/{node}/lxc` */
export const GUEST_ROUTES: readonly Route[] = (['qemu', 'lxc'] as const).flatMap(routesOf);

function routesOf(kind: Kind): Route[] {
  const base = `/nodes/{node}/${kind}`;
  const one = `${base}/{vmid}`;
  const get = (path: string, parameters: ParameterSpecs, run: (call: Call, guest: Guest) => unknown): Route => ({
    method: 'GET',
    path,
    parameters: { ...GUEST, ...parameters },
    permission: AUDIT,
    run: (call) => run(call, guestOf(call, kind)),
  });
  const power = (verb: string, parameters: ParameterSpecs, run: (call: Call, guest: Guest) => string): Route => ({
    method: 'POST',
    path: `${one}/status/${verb}`,
    parameters: { ...GUEST, ...parameters },
    permission: POWER,
    run: (call) => {
      const guest = guestOf(call, kind);
      assertRootOnly(call);
      return run(call, guest);
    },
  });
  return [
    {
      method: 'GET',
      path: base,
      parameters: { node: SPEC.node, ...(kind === 'qemu' ? { full: SPEC.flag } : {}) },
      permission: 'user',
      run: (call) => list(call, kind),
    },
    get(`${one}/status/current`, {}, (call, guest) => guestStatus(call.cluster, guest)),
    get(`${one}/config`, { current: SPEC.flag, snapshot: SPEC.text }, (_, guest) => guestConfig(guest)),
    power('start', { skiplock: SPEC.flag, ...(kind === 'qemu' ? { timeout: SPEC.count } : {}) }, start),
    power('shutdown', { timeout: SPEC.count, forceStop: SPEC.flag }, shutdown),
    power('stop', { skiplock: SPEC.flag, 'overrule-shutdown': SPEC.flag }, stop),
    power(
      'reboot',
      { timeout: SPEC.count },
      (call, guest) =>
        call.cluster.rebootGuestTask(guest, caller(call), number(call.parameters, 'timeout', HA_SHUTDOWN_TIMEOUT)).upid,
    ),
    {
      method: 'GET',
      path: `${one}/migrate`,
      parameters: { ...GUEST, target: { ...SPEC.node, optional: true } },
      permission: MIGRATE,
      run: (call) => (kind === 'qemu' ? vmPreconditions(call) : containerPreconditions(call)),
    },
    {
      method: 'POST',
      path: `${one}/migrate`,
      parameters: { ...GUEST, target: SPEC.node, online: SPEC.flag, ...migrateParameters(kind) },
      permission: MIGRATE,
      run: (call) => migrate(call, kind),
    },
  ];
}

function migrateParameters(kind: Kind): ParameterSpecs {
  const bandwidth = { type: 'number', optional: true, minimum: 0 } as const;
  if (kind === 'lxc')
    return { restart: SPEC.flag, timeout: SPEC.count, 'target-storage': SPEC.text, bwlimit: bandwidth };
  return {
    'with-local-disks': SPEC.flag,
    'with-conntrack-state': SPEC.flag,
    targetstorage: SPEC.text,
    bwlimit: { ...bandwidth, type: 'integer' },
    force: SPEC.flag,
    migration_type: { type: 'string', optional: true, enum: ['secure', 'insecure'] },
    migration_network: SPEC.text,
  };
}

function assertRootOnly(call: Call): void {
  if (call.identity.user === 'root@pam' && call.identity.token === undefined) return;
  for (const name of ROOT_ONLY) {
    if (call.parameters[name] !== undefined) throw parameterError({ [name]: 'Only root may use this option.' });
  }
}

function list(call: Call, kind: Kind): unknown {
  return call.cluster
    .guestsOn(call.node.name)
    .filter((guest) => guest.spec.kind === kind && may(call, `/vms/${guest.vmid}`, 'VM.Audit'))
    .map((guest) => guestListEntry(call.cluster, guest));
}

/** For an HA guest a worker that does no more than tell the HA manager, and ends well when that is told. */
function queueing(call: Call, guest: Guest, type: string, message: string, tell: () => void): Task {
  const { cluster, node } = call;
  return cluster.tasks.start(node, type, String(guest.vmid), caller(call), async (task) => {
    task.log(message);
    await cluster.clock.sleep(1_000, task.signal);
    tell();
  });
}

/** `POST …/status/start`: returns the UPID. */
export function start(call: Call, guest: Guest): string {
  const { cluster } = call;
  if (!cluster.ha.isManaged(guest.sid)) return cluster.startGuestTask(guest, caller(call)).upid;
  return queueing(call, guest, 'hastart', `Requesting HA start for ${guest.noun} ${guest.vmid}`, () => {
    cluster.ha.setState(guest.sid, 'started');
  }).upid;
}

function shutdown(call: Call, guest: Guest): string {
  const { cluster, parameters } = call;
  if (cluster.ha.isManaged(guest.sid)) return haStop(call, guest);
  const options = { timeout: number(parameters, 'timeout', 60), forceStop: flag(parameters, 'forceStop') };
  return cluster.shutdownGuestTask(guest, caller(call), options).upid;
}

function stop(call: Call, guest: Guest): string {
  if (call.cluster.ha.isManaged(guest.sid)) return haStop(call, guest);
  return call.cluster.stopGuestTask(guest, caller(call)).upid;
}

function haStop(call: Call, guest: Guest): string {
  return queueing(call, guest, 'hastop', `Requesting HA stop for ${guest.noun} ${guest.vmid}`, () => {
    call.cluster.ha.setState(guest.sid, 'stopped');
  }).upid;
}

function migrate(call: Call, kind: Kind): string {
  const { cluster, parameters } = call;
  cluster.assertWritable();
  const guest = guestOf(call, kind);
  assertRootOnly(call);
  const options = migrateOptions(call, kind);
  if (options.targetStorage && options.targetStorage !== '1') {
    assertPermission(call, `/vms/${guest.vmid}`, ['VM.Config.Disk']);
  }
  if (!cluster.ha.isManaged(guest.sid)) return cluster.migrateGuestTask(guest, caller(call), options).upid;
  checkMigration(cluster, guest, options);
  const target = text(parameters, 'target');
  const message = `Requesting HA migration for ${guest.noun} ${guest.vmid} to node ${target}`;
  return queueing(call, guest, 'hamigrate', message, () => {
    cluster.ha.queue(`migrate ${guest.sid} ${target}`, actor(call));
  }).upid;
}

function migrateOptions({ parameters }: Call, kind: Kind): MigrateOptions {
  const storage = optionalText(parameters, kind === 'lxc' ? 'target-storage' : 'targetstorage');
  return {
    target: text(parameters, 'target'),
    online: flag(parameters, 'online'),
    restart: flag(parameters, 'restart'),
    withLocalDisks: flag(parameters, 'with-local-disks'),
    timeout: number(parameters, 'timeout', 180),
    ...(storage === undefined ? {} : { targetStorage: storage }),
  };
}

/** What the server knows to hinder a VM's migration. An offline node may still be named as allowed. */
function vmPreconditions(call: Call): unknown {
  const { cluster } = call;
  const guest = guestOf(call, 'qemu');
  cluster.assertWritable();
  if (guest.lock) throw dieError(`VM is locked (${guest.lock})`);
  const { local, mapped } = guest.devices();
  const others = [...cluster.nodes.keys()].filter((name) => name !== guest.node);
  const blocked = Object.fromEntries(
    others
      .map((name) => {
        const missing = guest.spec.disks.filter((disk) => !cluster.hasStorage(name, disk.storage));
        const blockers = haBlockers(cluster, guest.sid, name);
        return [
          name,
          {
            ...(missing.length > 0 ? { unavailable_storages: [...new Set(missing.map((disk) => disk.storage))] } : {}),
            ...(blockers.length > 0 ? { 'blocking-ha-resources': blockers } : {}),
          },
        ] as const;
      })
      .filter(([, why]) => Object.keys(why).length > 0),
  );
  return {
    running: guest.running ? 1 : 0,
    allowed_nodes: others.filter((name) => !(name in blocked)),
    not_allowed_nodes: blocked,
    local_disks: localDisks(call, guest),
    local_resources: local,
    'mapped-resources': mapped,
    'mapped-resource-info': Object.fromEntries(mapped.map((key) => [key, { name: key, 'live-migration': 0 }])),
    'has-dbus-vmstate': 1,
  };
}

/** Disks on storages of this node alone, and an image in the drive that lies on one. */
function localDisks({ cluster }: Call, guest: Guest): unknown[] {
  const disks = guest.spec.disks.flatMap((disk, index) =>
    cluster.isShared(disk.storage)
      ? []
      : [
          {
            volid: guest.volumeId(index),
            size: disk.size,
            cdrom: 0,
            is_unused: 0,
            drivename: disk.key,
            replicate: 1,
          },
        ],
  );
  const image = guest.spec.cdrom?.split(',')[0];
  const storage = image?.split(':')[0] ?? '';
  if (image === undefined || cluster.isShared(storage)) return disks;
  return [...disks, { volid: image, size: 0, cdrom: 1, is_unused: 0, drivename: 'ide2', replicate: 1 }];
}

/** Containers: Proxmox looks for nothing but HA rules here. */
function containerPreconditions(call: Call): unknown {
  const { cluster } = call;
  const guest = guestOf(call, 'lxc');
  const others = [...cluster.nodes.keys()].filter((name) => name !== guest.node);
  const blocked = Object.fromEntries(
    others
      .map((name) => [name, { 'blocking-ha-resources': haBlockers(cluster, guest.sid, name) }] as const)
      .filter(([, why]) => why['blocking-ha-resources'].length > 0),
  );
  return {
    running: guest.running ? 1 : 0,
    'allowed-nodes': others.filter((name) => !(name in blocked)),
    'not-allowed-nodes': blocked,
  };
}
