import { afterEach, expect, it } from 'vitest';
import type { RollReport } from '../../domain/report.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { openUndoOf } from '../helpers/chaos/judge.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('leaves its guests where they run, touches no other node, and says what is open and how to mend it', async () => {
  roll = await rollLab({ site: smallSite(), policy: { timeouts: { reboot: '5 seconds' } } });
  const { lab } = roll;
  // It hangs in the boot, or its network card has another name under the new kernel: nobody hears of it again.
  lab.faults.add((point) =>
    point.at === 'node' && point.machine === 'node/pve1' && point.step === 'up' ? { do: 'drop' } : undefined,
  );
  await roll.startWorker();

  const failure = await (await startRoll(roll)).result().then(
    () => undefined,
    (error: { cause?: { message: string; details: [RollReport] } }) => error.cause,
  );

  expect(failure?.message).toContain('Waited 5 seconds for pve1 to reboot');
  const report = failure?.details[0];
  expect(report?.nodes.map(({ node, outcome }) => [node, outcome])).toEqual([
    ['pve1', 'failed'],
    ['pve2', 'not-reached'],
  ]);
  for (const vmid of [101, 201, 102, 202]) expect(lab.guest(vmid)).toMatchObject({ node: 'pve2', running: true });
  const open = openUndoOf({ outcome: 'failed', report: report ?? null, message: '' });
  expect(open.map(({ remedy }) => remedy).sort()).toEqual([
    'when pve1 is well: pct migrate 101 pve1 --restart, on pve2',
    'when pve1 is well: qm migrate 201 pve1 --online, on pve2',
  ]);
  expect(lab.monitor.violations()).toEqual([]);
  expect(lab.monitor.report()).toMatchObject({ reboots: { 'node/pve1': 1 }, powerCuts: {}, fenced: [] });
  // The survivor of a pair has no quorum now, and nobody makes it believe otherwise.
  expect(lab.cluster.quorate).toBe(false);
});
