import { afterEach, expect, it, vi } from 'vitest';
import { updateNodeId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { nextEvent, startRoll } from '../helpers/rolls.ts';

vi.setConfig({ testTimeout: 300_000 });

let roll: RollLab;
afterEach(() => roll.close());

/** The report of a roll of pve1, however it ended. */
async function rollPve1(): Promise<RollReport | undefined> {
  return (await startRoll(roll, { nodes: ['pve1'] }))
    .result()
    .catch((error: { cause?: { details?: [RollReport] } }) => {
      return error.cause?.details?.[0];
    });
}

it('which the next run takes off once no reboot of it can come any more, and updates the node', async () => {
  roll = await rollLab({
    site: smallSite({ ha: true, qdevice: true, overrides: { replication: [] } }),
    policy: { localDisks: 'always', timeouts: { reboot: '20 seconds' } },
  });
  const { lab } = roll;
  await roll.startWorker();
  const moving = nextEvent(roll, ({ detail: { type } }) => typeof type === 'string' && /^(ha|qm|vz)/.test(type));
  const first = await startRoll(roll, { nodes: ['pve1'] });
  await moving;
  // Terminated, the run of the node can neither tidy up nor hand over what it has done; its roll only hears of it.
  await roll.client.workflow.getHandle(updateNodeId(lab.access.cluster)).terminate('by a test');
  await expect(first.result()).rejects.toThrow();
  expect([...lab.cluster.ha.maintenanceRequests]).toEqual(['pve1']);

  // Refused while the guests of the terminated run still move, and while a reboot of it might come.
  let report: RollReport | undefined;
  await expect
    .poll(async () => (report = await rollPve1())?.outcome, { timeout: 120_000, interval: 2_000 })
    .not.toBe('refused');
  expect(report?.outcome).toBe('done');
  expect(report?.warnings.join()).toMatch(
    /pve1 was in HA maintenance mode since .* that was terminated: it was taken off/,
  );
  expect(lab.cluster.ha.maintenanceRequests).toEqual(new Set());
  expect(lab.monitor.violations()).toEqual([]);
});

it('while a flag that somebody else has set keeps every run from starting', async () => {
  roll = await rollLab({ site: smallSite({ ha: true, qdevice: true }) });
  const { ha } = roll.lab.cluster;
  ha.queue('node-maintenance enable pve2', 'root@pam');
  await expect.poll(() => ha.maintenanceRequests.has('pve2'), { timeout: 20_000 }).toBe(true);
  await roll.startWorker();
  const report = await rollPve1();
  expect(report?.outcome).toBe('refused');
  expect(report?.reason).toContain('pve2 is in HA maintenance mode already, set by somebody else or left over');
  expect([...ha.maintenanceRequests]).toEqual(['pve2']);
});
