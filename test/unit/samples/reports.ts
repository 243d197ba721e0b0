import type { GuestReport, NodeReport, RollReport } from '../../../domain/report.ts';
import { aMove, aNodePlan, aPackage } from '../../helpers/builders.ts';

const START = '2026-11-22T03:00:00.000Z';

/** A report as large as the largest cluster that this is made for, in which everything that can be told is told. */
export function aLargeReport(nodes = 5, packages = 800, guests = 150): RollReport {
  const names = Array.from({ length: nodes }, (_, index) => `pve-node${index + 1}`);
  return {
    cluster: 'homelab',
    outcome: 'failed',
    reason: `${names.at(-1)} did not rejoin within 15 minutes: corosync is not running. ${'Look at its console. '.repeat(200)}`,
    startedAt: START,
    endedAt: '2026-11-22T06:10:00.000Z',
    plan: {
      cluster: 'homelab',
      findings: [],
      nodes: names.map((node) =>
        aNodePlan(node, {
          packages: somePackages(packages),
          moves: Array.from({ length: guests }, (_, index) => aMove(100 + index, { name: `some-guest-${index}` })),
          findings: Array.from({ length: guests }, (_, index) => ({
            code: 'guest-locked' as const,
            severity: index % 2 === 0 ? ('warning' as const) : ('blocker' as const),
            overridden: true as const,
            node,
            vmid: 100 + index,
            message: `some-guest-${index} (${100 + index}) is locked by a backup that runs at this moment`,
            remedy: 'wait for the backup, or remove the lock with qm unlock when nothing runs any more',
          })),
          expectedMilliseconds: 1_800_000,
        }),
      ),
    },
    nodes: names.map((node, index) =>
      aNode(node, somePackages(packages), someGuests(node, guests), index === nodes - 1),
    ),
    waits: [],
    warnings: Array.from(
      { length: 300 },
      (_, index) => `warning ${index}: ${'something is not as it should be '.repeat(5)}`,
    ),
  };
}

function somePackages(amount: number) {
  return Array.from({ length: amount }, (_, index) =>
    aPackage(`lib-with-a-long-name-${index}`, { from: '1.2.3-4+deb13u5', to: '1.2.3-4+deb13u6' }),
  );
}

export function someGuests(node: string, amount: number): GuestReport[] {
  return Array.from({ length: amount }, (_, index) => ({
    vmid: 100 + index,
    name: `some-guest-${index}`,
    how: index % 2 === 0 ? 'live' : 'restart',
    at: 'home',
    node,
    leftAt: '2026-11-22T03:01:00.000Z',
    backAt: '2026-11-22T03:20:00.000Z',
    downtime: {
      milliseconds: index % 2 === 0 ? 59 : 21_000 + index,
      certainty: index % 2 === 0 ? 'measured' : 'at-most',
      stillDown: false,
    },
  }));
}

function aNode(
  node: string,
  packages: NodeReport['packages'],
  guests: readonly GuestReport[],
  failed: boolean,
): NodeReport {
  return {
    node,
    outcome: failed ? 'failed' : 'updated',
    reason: failed ? 'did not rejoin within 15 minutes' : '800 packages, and a new kernel',
    phases: [
      { phase: 'checking', startedAt: START },
      { phase: 'draining', startedAt: '2026-11-22T03:01:00.000Z' },
      { phase: 'upgrading', startedAt: '2026-11-22T03:08:00.000Z' },
      { phase: 'rebooting', startedAt: '2026-11-22T03:14:00.000Z' },
      { phase: failed ? 'failed' : 'done', startedAt: '2026-11-22T03:34:20.000Z' },
    ],
    packages,
    reboot: {
      bootIdBefore: '0b6a3f1e-64a0-4b5e-9d5c-1f4c7a0e1d11',
      bootIdAfter: '7d2148aa-1c1b-4a53-8f8c-b9a2d5f0c922',
      kernelBefore: '6.14.5-1-pve',
      kernelAfter: '6.14.8-2-pve',
    },
    guests: guests.map((guest, index) =>
      failed && index === 149 ? { ...guest, at: 'away', node: 'pve-node1', backAt: null } : guest,
    ),
    warnings: [],
    decisions: [],
    openUndo: failed
      ? guests.map(({ vmid, name }) => ({
          undo: {
            kind: 'guest-away',
            vmid,
            guestKind: 'qemu',
            name,
            home: node,
            away: 'pve-node1',
            withLocalDisks: true,
            replicated: false,
          },
          reason: `${node} is not well: it is not a member of the cluster for its peers`,
          remedy: `when ${node} is well: qm migrate ${vmid} ${node} --online, on pve-node1`,
        }))
      : [],
  };
}
