import { afterEach, describe, expect, it, vi } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

vi.setConfig({ testTimeout: 300_000 });

const names = ['pve1', 'pve2', 'pve3'];
const ceph = { osds: Object.fromEntries(names.map((name, index) => [name, [index]])), monitors: names };

describe('a rolling update of a cluster with Ceph', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('touches nothing while the health of Ceph is unknown', async () => {
    roll = await rollLab({ site: smallSite({ nodes: 3, overrides: { ceph } }) });
    roll.lab.faults.add((point) =>
      point.at === 'api' && point.path.endsWith('/ceph/status')
        ? { do: 'error', status: 500, reason: 'rados_connect failed - Operation timed out' }
        : undefined,
    );
    await roll.startWorker();

    const handle = await startRoll(roll);

    await expect(handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('rados_connect failed') as string },
    });
    expect(roll.lab.log.of('guest.migrated', 'upgrade.start', 'reboot.request', 'ceph.flag')).toEqual([]);
  });

  it('keeps its OSDs in for each reboot, and goes on when its data is whole again', async () => {
    roll = await rollLab({ site: smallSite({ nodes: 3, overrides: { ceph } }) });
    const before = places(roll);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    const flags = roll.lab.log
      .of('ceph.flag')
      .map(({ detail }) => `${String(detail['verb'])} ${String(detail['host'])}`);
    expect(flags).toEqual(names.flatMap((name) => [`add-noout ${name}`, `rm-noout ${name}`]));
    expect([...(roll.lab.cluster.ceph?.noout ?? [])]).toEqual([]);
    expectRolledOnce(roll, before);
  });
});
