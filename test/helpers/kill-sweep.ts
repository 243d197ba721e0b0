import { afterEach, describe, expect, it } from 'vitest';
import type { LabEvent } from '../../lab/core/event-log.ts';
import { smallSite, type Site } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from './roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from './rolls.ts';

/** A moment of a roll, told by what the lab has just seen. */
export type Moment = readonly [name: string, matches: (event: LabEvent) => boolean];

const FIRST = 'node/pve1';

export function taskStarts(type: string, node = FIRST): Moment[1] {
  return ({ action, subject, detail }) => action === 'task.start' && subject === node && detail['type'] === type;
}

export function onFirstNode(action: string): Moment[1] {
  return (event) => event.action === action && event.subject === FIRST;
}

/** Rolls a pair of nodes once for each moment, kills the worker then, starts another, and judges the roll by the lab. */
export function sweepKills(moments: readonly Moment[]): void {
  describe('the worker is killed with SIGKILL', () => {
    let roll: RollLab;
    afterEach(() => roll.close());

    it.each(moments)('%s, and the roll finishes with every step done once', async (_, matches) => {
      roll = await rollLab({ site: quickPair() });
      const before = places(roll);
      const worker = await roll.startWorker();
      const moment = nextEvent(roll, matches);
      const handle = await startRoll(roll);
      await moment;

      await worker.end('SIGKILL');
      await roll.startWorker();

      const report = await handle.result();
      expect(report.outcome).toBe('done');
      expect(report.nodes.flatMap((node) => node.openUndo)).toEqual([]);
      expectRolledOnce(roll, before);
    });
  });
}

/** Two nodes that boot in half a minute: the sweep waits for many boots. */
function quickPair(): Site {
  const site = smallSite();
  return { ...site, nodes: site.nodes.map((node) => ({ ...node, bootMs: 30_000, shutdownMs: 5_000 })) };
}
