import { afterEach, expect, it } from 'vitest';
import { undoLaterId } from '../../domain/ids.ts';
import { PENDING_KERNEL, REFERENCE_KERNELS } from '../../lab/site-packages.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { endOf } from '../helpers/chaos/disturbed-roll.ts';
import { breachesOf, openUndoOf, sceneOf } from '../helpers/chaos/judge.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { startRoll } from '../helpers/rolls.ts';
import type { undoLater } from '../../workflows/undo-later.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('stops the line with the old kernel pinned; the next power cycle boots that, and the rest is tidied up', async () => {
  const [, before] = REFERENCE_KERNELS;
  roll = await rollLab({
    site: smallSite({ nodes: 3 }),
    policy: { canaryKernel: 'when-new', timeouts: { rejoin: '5 seconds' } },
  });
  const scene = sceneOf(roll.lab);
  const pve1 = roll.lab.node('pve1');
  // As when the driver of its network card is missing: the system is up, and the cluster does not see it.
  roll.lab.faults.add((point) =>
    point.at === 'node' && point.step === 'join' && point.kernel === PENDING_KERNEL ? { do: 'drop' } : undefined,
  );
  await roll.startWorker();

  const end = await endOf(await startRoll(roll));

  expect(end.report?.nodes).toMatchObject([
    { node: 'pve1', outcome: 'failed', reboot: { kernelAfter: PENDING_KERNEL, canary: 'on-trial' } },
    { node: 'pve2', outcome: 'not-reached' },
    { node: 'pve3', outcome: 'not-reached' },
  ]);
  expect(breachesOf(roll.lab, scene, end)).toEqual([]);
  expect(openUndoOf(end).find(({ undo }) => undo.kind === 'kernel-pin')).toMatchObject({
    reason: expect.stringContaining('pve1 is not well') as string,
    remedy: expect.stringContaining(`if ${PENDING_KERNEL} shall stay: proxmox-boot-tool kernel unpin`) as string,
  });

  pve1.machine.powerCut('operator');
  pve1.machine.powerOn();
  await expect.poll(() => pve1.joined, { timeout: 20_000 }).toBe(true);
  expect(pve1.machine.runningKernel).toBe(before);

  const later = roll.client.workflow.getHandle<typeof undoLater>(undoLaterId(roll.lab.access.cluster, 'pve1'));
  await later.executeUpdate('retryNow');
  expect(await later.result()).toMatchObject({
    open: [],
    overtaken: [{ reason: expect.stringContaining(`pve1 runs ${before} again and stays pinned to it`) as string }],
  });
  expect(sceneOf(roll.lab)).toEqual({ ...scene, traces: [`pve1 is pinned to ${before}`] });
});
