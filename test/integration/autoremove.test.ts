import { afterEach, describe, expect, it } from 'vitest';
import { PENDING_KERNEL, REFERENCE_KERNELS } from '../../lab/site-packages.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { startRoll } from '../helpers/rolls.ts';

describe('old kernels', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('are removed after the new one has booted, but for the one from before', async () => {
    const [oldest, before] = REFERENCE_KERNELS;
    roll = await rollLab({
      site: smallSite(),
      policy: { autoremove: 'after-proven-boot', nodes: ['pve1'] },
    });
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.nodes).toMatchObject([
      { reboot: { kernelBefore: before, kernelAfter: PENDING_KERNEL }, warnings: expect.any(Array) as string[] },
    ]);
    expect(roll.lab.node('pve1').machine.installedKernels).toEqual([before, PENDING_KERNEL]);
    expect(roll.lab.node('pve2').machine.installedKernels).toEqual([oldest, before]);
  });
});
