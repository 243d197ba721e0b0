import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeReport, RollReport } from '../../domain/report.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { smallSite } from '../../lab/site.ts';
import { breachesOf, sceneOf, type RollEnd, type Scene } from '../helpers/chaos/judge.ts';
import { stillCluster, type StillCluster } from './lab-support.ts';

let world: StillCluster;
let before: Scene;
beforeEach(async () => {
  world = await stillCluster(smallSite());
  before = sceneOf(world);
});

function judge(end: RollEnd): string[] {
  return breachesOf({ ...world, schemaViolations: [] }, before, end);
}

function record(action: string, subject: string, detail: Record<string, unknown> = {}): void {
  world.log.record('lab', action, subject, detail);
}

function rollNode(node: string): void {
  for (const action of ['upgrade.start', 'node.shutdown', 'node.off', 'node.up']) record(action, `node/${node}`);
}

const DONE: RollEnd = { outcome: 'done', report: null, message: '' };

function failed(...open: OpenUndo[]): RollEnd {
  const nodes = [{ node: 'pve1', openUndo: open } as unknown as NodeReport];
  return { outcome: 'failed', report: { nodes } as unknown as RollReport, message: 'the node is not well' };
}

function open(undo: Undo): OpenUndo {
  return { undo, reason: 'pve1 is not well', remedy: 'bring it back' };
}

const away = (vmid: number): Undo => ({
  kind: 'guest-away',
  vmid,
  guestKind: 'lxc',
  name: 'ct-1',
  home: 'pve1',
  away: 'pve2',
  withLocalDisks: false,
  replicated: false,
});

describe('the judge of a disturbed roll', () => {
  it('has nothing to say about a roll that did everything once and left everything in its place', () => {
    rollNode('pve1');
    rollNode('pve2');
    expect(judge(DONE)).toEqual([]);
  });

  it.each([
    ['upgrade.start', '2 upgrades of node/pve1'],
    ['node.shutdown', '2 reboots of node/pve1'],
  ])('finds a node to which %s happened twice', (again, breach) => {
    rollNode('pve1');
    if (again === 'upgrade.start') record(again, 'node/pve1');
    else rollNode('pve1');
    rollNode('pve2');
    expect(judge(DONE)).toContain(breach);
  });

  it('finds a guest that went the same way twice, and lets it go there and back', () => {
    const go = (from: string, to: string) => record('guest.migrated', 'lxc/101', { from, to });
    go('pve1', 'pve2');
    go('pve2', 'pve1');
    expect(judge(failed())).toEqual([]);
    go('pve1', 'pve2');
    expect(judge(failed())).toEqual(['2 moves of lxc/101 from pve1 to pve2']);
  });

  it('finds a node that was taken while another was away', () => {
    record('node.shutdown', 'node/pve1');
    record('node.shutdown', 'node/pve2');
    expect(judge(failed()).join()).toContain('node/pve2 was taken away while node/pve1 was away');
  });

  it('finds a done roll that left out a node', () => {
    rollNode('pve1');
    expect(judge(DONE)).toEqual(['pve2 was not upgraded and rebooted, though the roll is done']);
  });

  it('finds a guest that is not where it was, unless an open undo names it', () => {
    const guest = world.cluster.guests.get(101);
    if (guest) guest.node = 'pve2';
    const breach = 'guest 101 was running on pve1 and is running on pve2, which no open undo names';
    expect(judge(failed())).toEqual([breach]);
    expect(judge(failed(open(away(102))))).toEqual([breach]);
    expect(judge(failed(open(away(101))))).toEqual([]);
  });

  it('finds a kernel that was left pinned, unless an open undo names it', () => {
    Object.assign(world.cluster.node('pve1').machine, { pinnedKernel: '6.14.8-2-pve' });
    expect(judge(failed())).toEqual(['pve1 is pinned to 6.14.8-2-pve, which no open undo names']);
    const pins = { tries: '6.14.11-1-pve', fallback: '6.14.8-2-pve', bootId: '1', trial: 'on-trial' } as const;
    expect(judge(failed(open({ kind: 'kernel-pin', node: 'pve1', ...pins })))).toEqual([]);
  });

  it('finds a maintenance mode and a disarmed HA that were left behind, unless an open undo names them', () => {
    world.cluster.ha.maintenanceRequests.add('pve1');
    world.cluster.ha.disarm = { mode: 'freeze', state: 'disarmed' };
    expect(judge(failed())).toEqual([
      'pve1 is in maintenance, which no open undo names',
      'HA is disarmed, which no open undo names',
    ]);
    expect(judge(failed(open({ kind: 'maintenance', node: 'pve1' }), open({ kind: 'ha-armed' })))).toEqual([]);
  });

  it('finds an open undo without a reason and a failure without a word', () => {
    expect(judge(failed({ ...open(away(101)), reason: '' })).join()).toContain('has no reason or no remedy');
    expect(judge({ ...failed(), message: '' })).toEqual(['the roll ended as failed without a word']);
  });

  it('finds a done roll that has more to undo than a guest that lives elsewhere now', () => {
    rollNode('pve1');
    rollNode('pve2');
    const done = (undo: Undo) => judge({ ...failed(open(undo)), outcome: 'done' });
    expect(done(away(101))).toEqual([]);
    expect(done({ kind: 'maintenance', node: 'pve1' })).toEqual([
      'the roll is done with maintenance still to be undone',
    ]);
  });
});
