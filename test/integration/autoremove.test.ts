import { afterEach, describe, expect, it } from 'vitest';
import { PENDING_KERNEL, REFERENCE_KERNELS } from '../../lab/site-packages.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { nextEvent, startRoll } from '../helpers/rolls.ts';

describe('old kernels', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('are removed after the new one was tried and kept, but for the one from before', async () => {
    const [oldest, before] = REFERENCE_KERNELS;
    roll = await rollLab({
      site: smallSite(),
      policy: { autoremove: 'after-proven-boot', canaryKernel: 'when-new', nodes: ['pve1'] },
    });
    const { machine } = roll.lab.node('pve1');
    await roll.startWorker();
    const armed = nextEvent(roll, (event) => event.action === 'node.shutdown').then(() => [
      machine.pinnedKernel,
      machine.nextBootKernel,
    ]);

    const report = await (await startRoll(roll)).result();

    expect(report.nodes).toMatchObject([
      { reboot: { kernelBefore: before, kernelAfter: PENDING_KERNEL, canary: 'kept' }, openUndo: [] },
    ]);
    expect(await armed).toEqual([before, PENDING_KERNEL]);
    expect([machine.pinnedKernel, machine.nextBootKernel]).toEqual([undefined, undefined]);
    expect(machine.installedKernels).toEqual([before, PENDING_KERNEL]);
    expect(roll.lab.node('pve2').machine.installedKernels).toEqual([oldest, before]);

    machine.powerCut('operator');
    machine.powerOn();
    await expect.poll(() => machine.power, { timeout: 20_000 }).toBe('on');
    expect(machine.runningKernel, 'the boot loader was told, too').toBe(PENDING_KERNEL);
  });
});
