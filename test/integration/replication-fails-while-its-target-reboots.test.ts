import { afterEach, expect, it } from 'vitest';
import type { FaultBehavior } from '../../lab/core/faults.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('goes on to the next node, whose guests are replicated before they move', async () => {
  roll = await rollLab({ site: smallSite() });
  const before = places(roll);
  roll.lab.faults.add(failedOnceSinceTheReboot(roll));
  await roll.startWorker();

  const report = await (await startRoll(roll)).result();

  const words = 'the replication of 202 to pve1 has failed once';
  expect(report.nodes.find(({ node }) => node === 'pve2')?.warnings).toContainEqual(expect.stringContaining(words));
  expectRolledOnce(roll, before);
});

/** Whoever looks after the reboot of pve1 finds it failed, until somebody asks for another round. */
function failedOnceSinceTheReboot({ lab }: RollLab): FaultBehavior {
  const job = lab.cluster.replication.find(({ guest }) => guest === 202);
  let asked = false;
  return (point) => {
    if (job === undefined || point.at !== 'api' || point.phase !== 'before') return undefined;
    if (point.path.endsWith(`/${job.id}/schedule_now`)) asked = true;
    const rebooted = lab.log.of('reboot.request').length > 0;
    if (rebooted && !asked && job.failCount === 0 && point.path === '/nodes/pve2/replication') {
      job.fail('ssh: connect to host pve1 port 22: No route to host');
    }
    return undefined;
  };
}
