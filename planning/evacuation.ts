import type { ClusterSnapshot, Guest, NodeState, Obstacle } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { GuestMove, MoveKind } from '../domain/plan.ts';
import type { GuestTreatment, Policy } from '../domain/policy.ts';
import { blocker, warning } from './findings.ts';
import { treatmentOf } from './guest-treatment.ts';
import { placeGuests } from './placement.ts';

export interface Evacuation {
  readonly moves: readonly GuestMove[];
  readonly findings: readonly Finding[];
}

/**
 * Where every running guest of `node` goes while the node is away. All problems are found at once.
 *
 * Memory is counted by what guests may grow to, not by what they use now: a target that fits today's usage runs out
 * of memory when they grow, and the kernel then kills guests on a healthy node.
 */
export function planEvacuation(snapshot: ClusterSnapshot, node: string, policy: Policy): Evacuation {
  const guests = snapshot.guests
    .filter((guest) => guest.node === node && guest.running && !guest.template)
    .sort((a, b) => a.vmid - b.vmid);
  const problems = guests.flatMap((guest) => problemOf(guest, treatmentOf(guest, policy)) ?? []);
  const blocked = new Set(problems.map((problem) => problem.vmid));
  const free = guests.filter((guest) => !blocked.has(guest.vmid));

  const placement = findTargets(
    free.filter((guest) => treatmentOf(guest, policy) === 'migrate'),
    snapshot,
    node,
    policy,
  );
  const moves = free.flatMap((guest): GuestMove[] => {
    const treatment = treatmentOf(guest, policy);
    if (treatment !== 'migrate') return [moveOf(guest, treatment === 'leave' ? 'leave' : 'shutdown', null)];
    const target = placement.targets.get(guest.vmid);
    return target === undefined ? [] : [moveOf(guest, migrationOf(guest), target)];
  });

  return {
    moves,
    findings: [
      ...problems,
      ...placement.findings,
      ...moves.filter((move) => move.how === 'leave').map((move) => leftBehind(move, node)),
    ],
  };
}

function leftBehind({ vmid, name }: GuestMove, node: string): Finding {
  return warning({
    code: 'guest-left-behind',
    node,
    vmid,
    message: `${name} (${vmid}) stays on ${node} and goes down when it reboots`,
    remedy: 'it is started again afterwards; to have it moved instead, use the treatment "migrate"',
  });
}

function problemOf(guest: Guest, treatment: GuestTreatment): Finding | null {
  const who = `${guest.name} (${guest.vmid})`;
  const problem = (code: Finding['code'], message: string, remedy: string) =>
    blocker({ code, node: guest.node, vmid: guest.vmid, message, remedy });

  if (treatment === 'refuse') {
    return problem(
      'guest-refused',
      `${who} runs on ${guest.node} and the policy says that it must not be touched`,
      `move or stop it by hand, or change rollingUpdate.guests.overrides.${guest.vmid}`,
    );
  }
  if (guest.lock !== null) {
    return problem('guest-locked', `${who} is locked (${guest.lock})`, `wait until its ${guest.lock} has finished`);
  }
  if (guest.ha !== null && treatment !== 'migrate') {
    return problem(
      'guest-refused',
      `${who} is managed by HA (${guest.ha.sid}), which moves it whatever the policy says: "${treatment}" cannot be kept`,
      `use "migrate" for it, or take it out of HA`,
    );
  }
  if (guest.ha?.state === 'error') {
    return problem(
      'guest-cannot-move',
      `${who} is in the HA state "error", so the HA manager does not move it`,
      `set the HA resource ${guest.ha.sid} to disabled, mend the guest and set it to started`,
    );
  }
  const fixed = treatment === 'migrate' ? guest.obstacles.filter((obstacle) => obstacle.target === undefined) : [];
  if (fixed.length > 0) {
    return problem(
      'guest-cannot-move',
      `${who} cannot leave ${guest.node}: ${describeObstacles(fixed)}`,
      `set rollingUpdate.guests.overrides.${guest.vmid} to "shutdown" (stopped and started again) or "leave"`,
    );
  }
  return null;
}

interface Targets {
  readonly targets: ReadonlyMap<number, string>;
  readonly findings: readonly Finding[];
}

function findTargets(guests: readonly Guest[], snapshot: ClusterSnapshot, node: string, policy: Policy): Targets {
  const survivors = snapshot.nodes.filter((other) => other.name !== node && other.online && !other.maintenance);
  const room = new Map(survivors.map((survivor) => [survivor.name, roomOn(survivor, snapshot, policy)]));
  const parcels = guests.map((guest) => ({
    vmid: guest.vmid,
    need: guest.maxMemory,
    allowed: survivorsFor(guest, survivors, policy),
  }));
  const stuck = new Set(parcels.filter((parcel) => parcel.allowed.length === 0).map((parcel) => parcel.vmid));
  const { targets, unplaced, certain } = placeGuests(
    parcels.filter((parcel) => !stuck.has(parcel.vmid)),
    room,
  );
  const left = new Map(unplaced.map((each) => [each.vmid, each]));
  const findings = guests.flatMap((guest) => {
    if (stuck.has(guest.vmid)) return nowhereToGo(guest, survivors, policy);
    const most = left.get(guest.vmid);
    return most ? noRoom(guest, most.target, most.left, certain) : [];
  });
  return { targets, findings };
}

/** Bytes of memory that guests may still take on `node`, below zero when it is overcommitted already. */
export function roomOn(node: NodeState, snapshot: ClusterSnapshot, policy: Policy): number {
  const usable = Math.floor(node.memory * (1 - policy.memoryReservePercent / 100));
  const taken = snapshot.guests
    .filter((guest) => guest.node === node.name && guest.running)
    .reduce((total, guest) => total + guest.maxMemory, 0);
  return usable - taken;
}

function survivorsFor(guest: Guest, survivors: readonly NodeState[], policy: Policy): string[] {
  return survivors.map((survivor) => survivor.name).filter((target) => obstaclesTo(guest, target, policy).length === 0);
}

function obstaclesTo(guest: Guest, target: string, policy: Policy): Obstacle[] {
  const known = guest.obstacles.filter((obstacle) => obstacle.target === undefined || obstacle.target === target);
  if (!guest.hasLocalDisks || guest.replicatedTo.includes(target)) return known;
  // Proxmox refuses to send a replicated, running VM anywhere but to a replication target.
  if (guest.replicatedTo.length > 0)
    return [...known, { code: 'replication-target', detail: 'not replicated', target }];
  if (policy.localDisks !== 'always') return [...known, { code: 'local-disk', detail: 'not replicated', target }];
  return known;
}

function nowhereToGo(guest: Guest, survivors: readonly NodeState[], policy: Policy): Finding {
  const reasons = survivors.flatMap((survivor) => obstaclesTo(guest, survivor.name, policy));
  return blocker({
    code: 'guest-cannot-move',
    node: guest.node,
    vmid: guest.vmid,
    message:
      `no other node can take ${guest.name} (${guest.vmid})` +
      (reasons.length > 0 ? `: ${describeObstacles(reasons)}` : ': none is online'),
    remedy: reasons.some((reason) => reason.code === 'local-disk')
      ? `replicate its disks, allow copying them with rollingUpdate.localDisks "always", ` +
        `or set rollingUpdate.guests.overrides.${guest.vmid} to "shutdown"`
      : `remove what holds it, or set rollingUpdate.guests.overrides.${guest.vmid} to "shutdown" or "leave"`,
  });
}

function noRoom(guest: Guest, target: string, left: number, certain: boolean): Finding {
  return blocker({
    code: 'no-capacity',
    node: guest.node,
    vmid: guest.vmid,
    message:
      `${guest.name} (${guest.vmid}) may grow to ${gibibytes(guest.maxMemory)}, ` +
      `but ${target}, the node with most room, has only ${gibibytes(Math.max(left, 0))} left` +
      (certain ? '' : '; not every way to distribute the guests was tried'),
    remedy:
      `stop guests on ${target}, give this one less memory, lower rollingUpdate.memoryReservePercent, ` +
      `or set rollingUpdate.guests.overrides.${guest.vmid} to "shutdown"`,
  });
}

function migrationOf(guest: Guest): MoveKind {
  if (guest.ha !== null) return 'ha';
  return guest.kind === 'qemu' ? 'live' : 'restart';
}

function moveOf(guest: Guest, how: MoveKind, target: string | null): GuestMove {
  const { vmid, kind, name, maxMemory, hasLocalDisks, startupOrder } = guest;
  return { vmid, kind, name, how, target, maxMemory, withLocalDisks: hasLocalDisks, startupOrder };
}

function describeObstacles(obstacles: readonly Obstacle[]): string {
  const words: Readonly<Record<Obstacle['code'], string>> = {
    'local-disk': 'local disk',
    passthrough: 'passed-through device',
    'mapped-resource': 'mapped device',
    'bind-mount': 'bind mount',
    'storage-unavailable': 'storage missing',
    'ha-rule': 'HA rule',
    'replication-target': 'replicated elsewhere',
  };
  return obstacles
    .map(({ code, detail, target }) => `${words[code]} ${detail}${target === undefined ? '' : ` on ${target}`}`)
    .join(', ');
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
