import { afterEach, expect, it } from 'vitest';
import { PENDING_KERNEL, REFERENCE_KERNELS } from '../../lab/site-packages.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { endOf } from '../helpers/chaos/disturbed-roll.ts';
import { breachesOf, openUndoOf, sceneOf } from '../helpers/chaos/judge.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { nextEvent, startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('is started again at every power cycle, until a person chooses the old one in the boot menu, as the report says', async () => {
  const [, before = ''] = REFERENCE_KERNELS;
  roll = await rollLab({
    site: smallSite({ nodes: 3 }),
    policy: { canaryKernel: 'when-new', timeouts: { reboot: '10 seconds' } },
  });
  const scene = sceneOf(roll.lab);
  const pve1 = roll.lab.node('pve1');
  const { machine } = pve1;
  roll.lab.faults.add((point) =>
    point.at === 'node' && point.step === 'up' && point.kernel === PENDING_KERNEL ? { do: 'drop' } : undefined,
  );
  await roll.startWorker();

  const end = await endOf(await startRoll(roll));

  expect(end).toMatchObject({ outcome: 'failed', message: expect.stringContaining('Waited 10 seconds') as string });
  expect(breachesOf(roll.lab, scene, end)).toEqual([]);
  const left = openUndoOf(end).find(({ undo }) => undo.kind === 'kernel-pin');
  expect(left?.remedy).toContain(`if ${PENDING_KERNEL} does not come up: choose ${before} in the boot menu`);

  const hangsAgain = nextEvent(roll, (event) => event.action === 'fault.drop');
  machine.powerCut('operator');
  machine.powerOn();
  await hangsAgain;
  expect(machine.power).toBe('booting');

  machine.powerCut('operator');
  machine.powerOn({ kernel: before });
  await expect.poll(() => pve1.joined, { timeout: 20_000 }).toBe(true);
  expect([machine.runningKernel, machine.pinnedKernel, machine.nextBootKernel]).toEqual([before, before, undefined]);
});
