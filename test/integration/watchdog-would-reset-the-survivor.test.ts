import { afterEach, expect, it, vi } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

vi.setConfig({ testTimeout: 300_000 });

let roll: RollLab;
afterEach(() => roll.close());

it('updates two nodes with HA and no QDevice when HA may be disarmed, and arms it again after each', async () => {
  roll = await rollLab({ site: smallSite({ ha: true }), policy: { disarmHa: 'when-it-would-fence' } });
  const before = places(roll);
  await roll.startWorker();

  const report = await (await startRoll(roll)).result();

  expect(report.outcome).toBe('done');
  expect(roll.lab.monitor.report().fenced).toEqual([]);
  expect(roll.lab.cluster.ha.disarm).toBeUndefined();
  const arming = roll.lab.log
    .of('ha.command')
    .map(({ detail }) => String(detail['command']))
    .filter((command) => command.includes('arm'));
  expect([...new Set(arming)]).toEqual(['disarm-ha freeze', 'arm-ha']);
  const disarmedAt = roll.lab.log.of('ha.command').find(({ detail }) => detail['command'] === 'disarm-ha freeze')?.at;
  const downAt = roll.lab.log.of('node.shutdown')[0]?.at;
  expect(Date.parse(disarmedAt ?? '')).toBeLessThan(Date.parse(downAt ?? ''));
  expectRolledOnce(roll, before);
});
