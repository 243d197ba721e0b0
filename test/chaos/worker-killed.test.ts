import { afterEach, describe, expect, it } from 'vitest';
import type { LabEvent } from '../../lab/core/event-log.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from '../helpers/rolls.ts';

const FIRST = 'node/pve1';
const task = (event: LabEvent, type: string) => event.action === 'task.start' && event.detail['type'] === type;
const on = (event: LabEvent, action: string) => event.action === action && event.subject === FIRST;

/** The moments of a two-node roll at which the worker dies, told by what the lab has just seen. */
const POINTS: readonly (readonly [string, (event: LabEvent) => boolean])[] = [
  ['while the package lists are refreshed for the plan', (event) => task(event, 'aptupdate')],
  ['while a container is stopped for its move', (event) => task(event, 'vzmigrate')],
  ['while a virtual machine is moving', (event) => task(event, 'qmigrate')],
  ['as the upgrade job starts', (event) => on(event, 'upgrade.start')],
  ['when half of the packages are configured', (event) => on(event, 'package.configured')],
  ['as the upgrade ends', (event) => on(event, 'upgrade.end')],
  ['as the reboot is requested', (event) => on(event, 'reboot.request')],
  ['while the node is off', (event) => on(event, 'node.off')],
  ['as the node comes up', (event) => on(event, 'node.up')],
  [
    'while a guest goes home',
    (event) =>
      event.action === 'task.start' && event.subject === 'node/pve2' && /migrate/.test(String(event.detail['type'])),
  ],
];

describe('the worker is killed with SIGKILL', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it.each(POINTS)('%s, and the roll finishes with every step done once', async (_, moment) => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    const worker = await roll.startWorker();
    const reached = nextEvent(roll, moment);
    const handle = await startRoll(roll);
    await reached;

    await worker.end('SIGKILL');
    await roll.startWorker();

    const report = await handle.result();
    expect(report.outcome).toBe('done');
    expect(report.nodes.flatMap((node) => node.openUndo)).toEqual([]);
    expectRolledOnce(roll, before);
  });
});
