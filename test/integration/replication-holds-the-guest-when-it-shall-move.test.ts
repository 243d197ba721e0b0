import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

const LONGER_THAN_THE_LOCK_IS_WAITED_FOR = 40_000;

let roll: RollLab;
afterEach(() => roll.close());

it('tries the migration again that could not get its lock within ten seconds', async () => {
  roll = await rollLab({ site: smallSite() });
  const before = places(roll);
  const job = roll.lab.cluster.replication.find(({ guest }) => guest === 201);
  if (!job) throw new Error('the site replicates every guest');
  // Its schedule comes up just after the run has replicated it, and takes long.
  let armed = true;
  roll.lab.faults.add((point) => {
    if (!armed || point.at !== 'task' || point.type !== 'qmigrate' || point.id !== '201') return undefined;
    armed = false;
    roll.lab.faults.once((next) =>
      next.at === 'task' && next.type === 'replication'
        ? { do: 'delay', ms: LONGER_THAN_THE_LOCK_IS_WAITED_FOR }
        : undefined,
    );
    roll.lab.cluster.runReplication(job);
    return undefined;
  });
  await roll.startWorker();

  const report = await (await startRoll(roll)).result();

  expect(report.outcome).toBe('done');
  const ends = roll.lab.log
    .of('task.end')
    .map(({ detail }) => `${String(detail['type'])} ${String(detail['exitStatus'])}`);
  expect(ends).toContain("qmigrate can't lock file '/var/lock/pve-manager/pve-migrate-201' - got timeout");
  expectRolledOnce(roll, before);
});
