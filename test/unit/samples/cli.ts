import type { RollPlan } from '../../../domain/plan.ts';
import type { RollProgress, RollReport } from '../../../domain/report.ts';
import type { UndoView } from '../../../domain/undo.ts';

const GIB = 1024 ** 3;
const START = '2026-11-22T03:00:00.000Z';

/** Time of day as an ISO 8601 time of the sample night. */
function at(time: string): string {
  return `2026-11-22T${time}.000Z`;
}

/** Two nodes without a QDevice: the survivor is read-only while the other one is away. */
export const plan: RollPlan = {
  cluster: 'homelab',
  findings: [],
  nodes: [
    {
      node: 'pve-node1',
      action: 'update',
      reason: '42 packages, and kernel 6.14.8-2-pve replaces the running 6.14.5-1-pve',
      packages: [
        { name: 'pve-manager', from: '9.0.5', to: '9.0.10' },
        { name: 'libpve-common-perl', from: '9.0.9', to: '9.0.11' },
        { name: 'proxmox-kernel-6.14', from: '6.14.5-1', to: '6.14.8-2' },
        { name: 'qemu-server', from: '9.0.16', to: '9.0.22' },
        { name: 'zfsutils-linux', from: '2.3.3-pve1', to: '2.3.4-pve1' },
        { name: 'openssl', from: '3.5.1-1', to: '3.5.1-1+deb13u1' },
        ...Array.from({ length: 36 }, (_, index) => ({ name: `lib-example-${index}`, from: '1.0', to: '1.1' })),
      ],
      rebootExpected: true,
      maintenance: true,
      quorum: {
        verdict: 'read-only-while-away',
        votesLeft: 1,
        votesNeeded: 2,
        explanation:
          '1 of 2 votes is left and 2 are needed; pve-node2 keeps its guests running but refuses every change until pve-node1 is back',
      },
      moves: [
        {
          vmid: 210,
          kind: 'qemu',
          name: 'plex-vm',
          how: 'live',
          target: 'pve-node2',
          maxMemory: 8 * GIB,
          withLocalDisks: true,
          startupOrder: null,
          replicated: true,
        },
        {
          vmid: 212,
          kind: 'qemu',
          name: 'download-clients-vm',
          how: 'shutdown',
          target: null,
          maxMemory: 4 * GIB,
          withLocalDisks: false,
          startupOrder: null,
          replicated: false,
        },
        {
          vmid: 194,
          kind: 'lxc',
          name: 'traefik',
          how: 'restart',
          target: 'pve-node2',
          maxMemory: 0.5 * GIB,
          withLocalDisks: true,
          startupOrder: null,
          replicated: true,
        },
        {
          vmid: 192,
          kind: 'lxc',
          name: 'pihole-1',
          how: 'ha',
          target: 'pve-node2',
          maxMemory: 0.25 * GIB,
          withLocalDisks: true,
          startupOrder: null,
          replicated: true,
        },
      ],
      findings: [
        {
          code: 'guest-left-behind',
          severity: 'warning',
          node: 'pve-node1',
          vmid: 212,
          message: 'download-clients-vm (212) stays on pve-node1 and goes down when it reboots',
          remedy: 'use the treatment "migrate" to have it moved instead',
        },
      ],
      expectedMilliseconds: 754_000,
    },
    {
      node: 'pve-node2',
      action: 'skip',
      reason: 'no packages to upgrade and the running kernel is the newest',
      packages: [],
      rebootExpected: false,
      maintenance: false,
      quorum: { verdict: 'keeps-quorum', votesLeft: 2, votesNeeded: 2, explanation: 'the node stays' },
      moves: [],
      findings: [],
      expectedMilliseconds: 0,
    },
  ],
};

const [planOfNode1, planOfNode2] = plan.nodes;

export const refusedPlan: RollPlan = {
  cluster: 'homelab',
  findings: [],
  nodes: [
    {
      ...planOfNode1!,
      findings: [
        {
          code: 'guest-cannot-move',
          severity: 'blocker',
          node: 'pve-node1',
          vmid: 210,
          message: 'plex-vm (210) cannot move: it uses hostpci0 of this node',
          remedy: 'let it be shut down meanwhile with --guest 210=shutdown',
        },
      ],
    },
    planOfNode2!,
  ],
};

export const progress: RollProgress = {
  cluster: 'homelab',
  startedAt: START,
  paused: false,
  waitingFor: null,
  waitingUntil: null,
  asking: false,
  question: null,
  expectedMilliseconds: 1_500_000,
  nodes: [
    {
      node: 'pve-node1',
      phase: 'done',
      phases: [
        { phase: 'checking', startedAt: START },
        { phase: 'upgrading', startedAt: at('03:02:00') },
        { phase: 'done', startedAt: at('03:11:30') },
      ],
      guests: [{ vmid: 210, name: 'plex-vm', how: 'live', at: 'home', node: 'pve-node1' }],
      question: null,
      undo: [],
    },
    {
      node: 'pve-node2',
      phase: 'draining',
      phases: [
        { phase: 'checking', startedAt: at('03:11:30') },
        { phase: 'maintenance', startedAt: at('03:11:40') },
        { phase: 'draining', startedAt: at('03:11:45') },
      ],
      guests: [
        { vmid: 211, name: 'arr-stack-vm', how: 'live', at: 'leaving', node: 'pve-node2' },
        { vmid: 193, name: 'pihole-2', how: 'restart', at: 'away', node: 'pve-node1' },
        { vmid: 212, name: 'download-clients-vm', how: 'shutdown', at: 'stopped', node: 'pve-node2' },
        { vmid: 213, name: 'web-apps-vm', how: 'live', at: 'home', node: 'pve-node2' },
      ],
      question: null,
      undo: [
        {
          undo: { kind: 'maintenance', node: 'pve-node2' },
          reason: 'its time has not come: the node is still in hand',
          remedy: 'when the node is well: ha-manager crm-command node-maintenance disable pve-node2',
        },
      ],
    },
  ],
};

export const doneReport: RollReport = {
  cluster: 'homelab',
  outcome: 'done',
  reason: '1 of 2 nodes updated, 1 rebooted',
  startedAt: START,
  endedAt: at('03:14:00'),
  plan,
  warnings: ['the survivor was read-only for 4 minutes'],
  waits: [],
  nodes: [
    {
      node: 'pve-node1',
      outcome: 'updated',
      reason: '42 packages, and a new kernel',
      phases: [
        { phase: 'checking', startedAt: START },
        { phase: 'done', startedAt: at('03:13:20') },
      ],
      packages: planOfNode1!.packages,
      reboot: {
        bootIdBefore: '1f0c',
        bootIdAfter: '7d21',
        kernelBefore: '6.14.5-1-pve',
        kernelAfter: '6.14.8-2-pve',
      },
      guests: [
        {
          vmid: 210,
          name: 'plex-vm',
          how: 'live',
          at: 'home',
          node: 'pve-node1',
          leftAt: at('03:01:00'),
          backAt: at('03:13:00'),
          downtime: { milliseconds: 104, certainty: 'measured', stillDown: false },
        },
      ],
      warnings: [],
      openUndo: [],
      decisions: [],
    },
    {
      node: 'pve-node2',
      outcome: 'skipped',
      reason: 'no packages to upgrade and the running kernel is the newest',
      phases: [],
      packages: [],
      reboot: null,
      guests: [],
      warnings: [],
      openUndo: [],
      decisions: [],
    },
  ],
};

export const failedReport: RollReport = {
  ...doneReport,
  outcome: 'failed',
  reason: 'pve-node1 did not rejoin within 15 minutes: corosync is not running',
  warnings: [],
  nodes: [
    {
      ...doneReport.nodes[0]!,
      outcome: 'failed',
      reason: 'did not rejoin within 15 minutes',
      guests: [
        {
          vmid: 210,
          name: 'plex-vm',
          how: 'live',
          at: 'away',
          node: 'pve-node2',
          leftAt: at('03:01:00'),
          backAt: null,
          downtime: null,
        },
      ],
      openUndo: [
        {
          undo: {
            kind: 'guest-away',
            vmid: 210,
            guestKind: 'qemu',
            name: 'plex-vm',
            home: 'pve-node1',
            away: 'pve-node2',
            withLocalDisks: true,
            replicated: true,
          },
          reason: 'pve-node1 is not a member of the cluster',
          remedy: 'migrate it back once pve-node1 has rejoined: qm migrate 210 pve-node1 --online',
        },
      ],
    },
    { ...doneReport.nodes[1]!, outcome: 'not-reached', reason: 'the line was stopped' },
  ],
};

export const refusedReport: RollReport = {
  ...doneReport,
  outcome: 'refused',
  reason: 'plex-vm (210) cannot move',
  plan: refusedPlan,
  nodes: [],
  warnings: [],
};

/** What a failed run has left on a node that is away. */
export const undoView: UndoView = {
  cluster: 'homelab',
  node: 'pve-node1',
  tries: 4,
  state: 'waits',
  nextTry: at('03:50:00'),
  until: '2026-11-25T03:20:00.000Z',
  open: [
    {
      undo: { kind: 'maintenance', node: 'pve-node1' },
      reason: 'pve-node1 is not well: does not answer over SSH, is offline for the other nodes',
      remedy: 'when the node is well: ha-manager crm-command node-maintenance disable pve-node1',
    },
    {
      undo: {
        kind: 'guest-away',
        vmid: 210,
        guestKind: 'qemu',
        name: 'plex-vm',
        home: 'pve-node1',
        away: 'pve-node2',
        withLocalDisks: false,
        replicated: false,
      },
      reason: 'pve-node1 is not well: does not answer over SSH, is offline for the other nodes',
      remedy: 'when pve-node1 is well: qm migrate 210 pve-node1 --online, on pve-node2',
    },
  ],
};
