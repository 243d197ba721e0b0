import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { refusalOf } from '../helpers/rolls.ts';

const MIB = 2 ** 20;

let roll: RollLab;
afterEach(() => roll.close());

it('refuses the run before anything is touched, and says which partition and what makes room', async () => {
  const site = smallSite();
  const bootPartitions = {
    'A1B2-C3D4': { size: 1022 * MIB, available: 720 * MIB },
    'E5F6-0718': { size: 511 * MIB, available: 61 * MIB },
  };
  const nodes = site.nodes.map((node) => (node.name === 'pve2' ? { ...node, troubles: { bootPartitions } } : node));
  roll = await rollLab({ site: { ...site, nodes } });
  await roll.startWorker();

  expect(await refusalOf(roll)).toMatchObject([
    {
      code: 'boot-partition',
      node: 'pve2',
      message: expect.stringContaining('E5F6-0718 of pve2 has 61 MiB left of 511 MiB') as string,
      remedy: expect.stringContaining('proxmox-boot-tool refresh') as string,
    },
  ]);
});
