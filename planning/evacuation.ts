import type { ClusterSnapshot, Guest, HaRule, NodeState, Obstacle } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { GuestMove, MoveKind } from '../domain/plan.ts';
import type { GuestTreatment, Policy } from '../domain/policy.ts';
import { applyOverrides, blocker, blockersIn, warning } from './findings.ts';
import { treatmentOf } from './guest-treatment.ts';
import { affinityObstacles, keptApart, movingTogether, type ServicePlaces } from './ha-affinity.ts';
import { placeGuests } from './placement.ts';
import { haError } from './preflight/ha.ts';

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
  const problems = applyOverrides(
    guests.flatMap((guest) => problemOf(guest, treatmentOf(guest, policy)) ?? []),
    policy,
  );
  const blocked = new Set(blockersIn(problems).map((problem) => problem.vmid));
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
  const stuck = haError(guest);
  if (stuck) return stuck;
  const fixed = treatment === 'migrate' ? guest.obstacles.filter((obstacle) => obstacle.target === undefined) : [];
  if (fixed.length > 0) {
    return problem(
      'guest-cannot-move',
      `${who} cannot leave ${guest.node}: ${describeObstacles(fixed)}`,
      (fixed.some((obstacle) => obstacle.code === 'local-image') ? 'take the image out of its drive, or ' : '') +
        (guest.ha === null
          ? `set rollingUpdate.guests.overrides.${guest.vmid} to "shutdown" (stopped and started again) or "leave"`
          : remedyForHeld(guest, fixed)),
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
  const names = survivors.map((survivor) => survivor.name);
  const room = new Map(survivors.map((survivor) => [survivor.name, roomOn(survivor, snapshot, policy)]));
  const { rules } = snapshot.ha;
  const staying = servicePlaces(snapshot.guests.filter((guest) => guest.running && !guests.includes(guest)));

  // Guests that the HA manager keeps together travel as one parcel.
  const units = movingTogether(guests, rules);
  const parcels = units.map((members) => {
    const reasonsAgainst = (target: string) => {
      const places = new Map([...staying, ...servicePlaces(members, target)]);
      return members.flatMap((guest) => obstaclesTo(guest, target, { policy, rules, places }));
    };
    return {
      members,
      vmid: firstVmid(members),
      need: members.reduce((total, guest) => total + guest.maxMemory, 0),
      allowed: mayMeetAnotherCpu(members, names.map(reasonsAgainst))
        ? []
        : names.filter((name) => reasonsAgainst(name).length === 0),
      apart: units.filter((others) => others !== members && keptApart(members, others, rules)).map(firstVmid),
      reasonsAgainst,
    };
  });
  const { targets, unplaced, certain } = placeGuests(
    parcels.filter((parcel) => parcel.allowed.length > 0),
    room,
  );
  const left = new Map(unplaced.map((each) => [each.vmid, each]));
  const findings = parcels.flatMap(({ members, vmid, need, allowed, reasonsAgainst }) => {
    if (allowed.length === 0) return members.map((guest) => nowhereToGo(guest, names.flatMap(reasonsAgainst)));
    const most = left.get(vmid);
    if (!most) return [];
    return members.map((guest) =>
      most.left < need ? noRoom(guest, need, most, certain) : nowhereToGo(guest, [NO_NODE_APART]),
    );
  });
  const overcommit = policy.overrides.includes('no-capacity');
  return {
    targets: new Map(
      parcels.flatMap(({ members, vmid }) => {
        // Whoever overrides the lack of memory accepts that a node promises more than it has.
        const target = targets.get(vmid) ?? (overcommit ? left.get(vmid)?.target : undefined);
        return target === undefined ? [] : members.map((guest) => [guest.vmid, target] as const);
      }),
    ),
    findings: applyOverrides(
      findings.sort((a, b) => (a.vmid ?? 0) - (b.vmid ?? 0)),
      policy,
    ),
  };
}

/** The HA manager chooses the node itself, and knows nothing of CPUs: each that its rules allow has to do. */
function mayMeetAnotherCpu(members: readonly Guest[], reasonsByNode: readonly (readonly Obstacle[])[]): boolean {
  return (
    members.some((guest) => guest.ha !== null) &&
    reasonsByNode.some(
      (reasons) => reasons.some(({ code }) => code === 'cpu-model') && !reasons.some(({ code }) => code === 'ha-rule'),
    )
  );
}

const NO_NODE_APART: Obstacle = { code: 'ha-rule', detail: 'rules leave no node on which it meets none of the others' };

function firstVmid(unit: readonly Guest[]): number {
  return Math.min(...unit.map((guest) => guest.vmid));
}

/** Nodes of the HA services among the guests, or the one where they would be. */
function servicePlaces(guests: readonly Guest[], target?: string): Map<string, string> {
  return new Map(guests.flatMap(({ ha, node }) => (ha === null ? [] : [[ha.sid, target ?? node] as const])));
}

/** Bytes of memory that guests may still take on `node`, below zero when it is overcommitted already. */
export function roomOn(node: NodeState, snapshot: ClusterSnapshot, policy: Policy): number {
  const usable = Math.floor(node.memory * (1 - policy.memoryReservePercent / 100));
  const taken = snapshot.guests
    .filter((guest) => guest.node === node.name && guest.running)
    .reduce((total, guest) => total + guest.maxMemory, 0);
  return usable - taken;
}

interface Circumstances {
  readonly policy: Policy;
  readonly rules: readonly HaRule[];
  readonly places: ServicePlaces;
}

function obstaclesTo(guest: Guest, target: string, { policy, rules, places }: Circumstances): Obstacle[] {
  const known = guest.obstacles
    .filter((obstacle) => obstacle.target === undefined || obstacle.target === target)
    .filter(({ code }) => code !== 'cpu-model' || policy.hostCpu === 'same-model');
  // Since 9.0 Proxmox itself names the rules that are in the way.
  const byRule = known.some(({ code }) => code === 'ha-rule') ? [] : affinityObstacles(guest, target, rules, places);
  return [...known, ...byRule, ...diskObstacles(guest, target, policy)];
}

function diskObstacles(guest: Guest, target: string, policy: Policy): Obstacle[] {
  if (!guest.hasLocalDisks || guest.replicatedTo.includes(target)) return [];
  // Proxmox refuses to send a replicated, running VM anywhere but to a replication target.
  if (guest.replicatedTo.length > 0) return [{ code: 'replication-target', detail: 'not replicated', target }];
  return policy.localDisks === 'always' ? [] : [{ code: 'local-disk', detail: 'not replicated', target }];
}

function nowhereToGo(guest: Guest, reasons: readonly Obstacle[]): Finding {
  return blocker({
    code: 'guest-cannot-move',
    node: guest.node,
    vmid: guest.vmid,
    message:
      `no other node can take ${guest.name} (${guest.vmid})` +
      (reasons.length > 0 ? `: ${describeObstacles(reasons)}` : ': none is online'),
    remedy: remedyForHeld(guest, reasons),
  });
}

function remedyForHeld({ vmid, ha }: Guest, reasons: readonly Obstacle[]): string {
  if (reasons.length > 0 && reasons.every((reason) => reason.code === 'cpu-model')) {
    const otherwise = ha === null ? `, or set rollingUpdate.guests.overrides.${vmid} to "shutdown"` : '';
    return (
      'give it a CPU type that all nodes have, such as x86-64-v2-AES, or let it move all the same with ' +
      `rollingUpdate.hostCpu "any"${otherwise}`
    );
  }
  // A guest under HA is moved by the HA manager whatever our policy says.
  if (ha !== null) {
    return reasons.some((reason) => reason.code === 'ha-rule')
      ? 'change or disable the HA rule for the update (Datacenter, HA, Affinity Rules)'
      : `remove what holds it, or take ${ha.sid} out of HA and set rollingUpdate.guests.overrides.${vmid}`;
  }
  return reasons.some((reason) => reason.code === 'local-disk')
    ? `replicate its disks, allow copying them with rollingUpdate.localDisks "always", ` +
        `or set rollingUpdate.guests.overrides.${vmid} to "shutdown"`
    : `remove what holds it, or set rollingUpdate.guests.overrides.${vmid} to "shutdown" or "leave"`;
}

function noRoom(
  guest: Guest,
  need: number,
  { target, left }: { readonly target: string; readonly left: number },
  certain: boolean,
): Finding {
  return blocker({
    code: 'no-capacity',
    node: guest.node,
    vmid: guest.vmid,
    message:
      `${guest.name} (${guest.vmid}) may grow to ${gibibytes(guest.maxMemory)}` +
      (need > guest.maxMemory ? `, with those that HA keeps with it to ${gibibytes(need)}, ` : ', ') +
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
  const { vmid, kind, name, maxMemory, hasLocalDisks, replicatedTo, startupOrder } = guest;
  const disks = { withLocalDisks: hasLocalDisks, replicated: replicatedTo.length > 0 };
  return { vmid, kind, name, how, target, maxMemory, ...disks, startupOrder };
}

function describeObstacles(obstacles: readonly Obstacle[]): string {
  const words: Readonly<Record<Obstacle['code'], string>> = {
    'local-disk': 'local disk',
    passthrough: 'passed-through device',
    'mapped-resource': 'mapped device',
    'bind-mount': 'bind mount',
    'local-image': 'image of its own node in its drive,',
    'cpu-model': 'CPU type',
    'storage-unavailable': 'storage missing',
    'ha-rule': 'HA',
    'replication-target': 'replicated elsewhere',
  };
  return obstacles
    .map(({ code, detail, target }) => `${words[code]} ${detail}${target === undefined ? '' : ` on ${target}`}`)
    .join(', ');
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
