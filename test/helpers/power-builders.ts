import type { GuestBefore, NodeBefore, PowerSettings, SiteBefore } from '../../domain/outage.ts';
import type { PowerRules } from '../../domain/power.ts';
import { aCluster, GIB } from './builders.ts';

/** As the configuration has them when nothing is said. */
export const DEFAULT_RULES: PowerRules = {
  interval: 1,
  confirm: 10,
  stabilization: 30,
  shed: { after: 300, charge: 60, runtime: 900 },
  final: { after: 900, charge: 30, runtime: 300, blind: 60, budget: 300 },
  fsdOnMains: 'act',
  onlineDischarge: 'online',
  holdDown: 60,
  memory: 1_800,
  restore: { after: 120, charge: 40, withoutCharge: 900 },
  silence: 60,
};

/** pve2 leaves in phase 2, pve1 stays until phase 3. */
export function somePowerSettings(changes: Partial<PowerSettings> = {}): PowerSettings {
  return {
    cluster: 'homelab',
    ups: 'ups',
    nodes: ['pve1', 'pve2'],
    shedNodes: ['pve2'],
    ownGuest: null,
    guests: {
      timeout: '3 minutes',
      timeouts: {},
      last: [],
      migrateTags: [],
      migrateAbove: 50,
      startDelay: '10 seconds',
    },
    allowQuorumLoss: false,
    lowerExpectedVotes: true,
    rules: DEFAULT_RULES,
    runtimes: { shed: null, final: null },
    restore: {
      needs: [],
      nodeUp: '5 minutes',
      attempts: 5,
      allowHardReset: false,
      settle: '3 minutes',
      loopGuard: 2,
      tellAfter: '1 hour',
    },
    timeouts: {
      halt: '2 minutes',
      margin: '1 minute',
      yield: '4 minutes',
      rejoin: '10 minutes',
      guestStart: '5 minutes',
    },
    watts: { total: null, nodes: {} },
    ...changes,
  };
}

export function aNodeBefore(name: string, changes: Partial<NodeBefore> = {}): NodeBefore {
  return { name, online: true, votes: 1, memory: 64 * GIB, health: null, ...changes };
}

/** A running VM without HA. */
export function aGuestBefore(vmid: number, changes: Partial<GuestBefore> = {}): GuestBefore {
  return {
    vmid,
    kind: 'qemu',
    name: `vm-${vmid}`,
    node: 'pve2',
    running: true,
    tags: [],
    maxMemory: 4 * GIB,
    startupOrder: null,
    lock: null,
    sid: null,
    ...changes,
  };
}

/** A site whose quorum figures follow from its votes: two nodes without QDevice and without HA unless said otherwise. */
export function aSiteBefore({
  nodes = [aNodeBefore('pve1'), aNodeBefore('pve2')],
  qdevice = null,
  ...changes
}: Partial<SiteBefore> & { readonly qdevice?: SiteBefore['quorum']['qdevice'] } = {}): SiteBefore {
  const asNodes = nodes.map((node) => ({ ...node, lrm: 'idle' as const, maintenance: false }));
  return {
    takenAt: '2026-11-22T03:00:00.000Z',
    quorum: aCluster({ nodes: asNodes, qdevice }).quorum,
    nodes,
    guests: [],
    ha: { armed: null, active: false, requested: {} },
    ...changes,
  };
}
