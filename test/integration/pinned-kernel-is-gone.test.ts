import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { refusalOf } from '../helpers/rolls.ts';

const GONE = '6.5.13-6-pve';

let roll: RollLab;
afterEach(() => roll.close());

it('refuses the run before anything is touched: nobody knows what the node would boot', async () => {
  const site = smallSite();
  const nodes = site.nodes.map((node) => (node.name === 'pve1' ? { ...node, kernelPin: GONE } : node));
  roll = await rollLab({ site: { ...site, nodes } });
  await roll.startWorker();

  expect(await refusalOf(roll)).toMatchObject([
    {
      code: 'pin-broken',
      node: 'pve1',
      message: `the kernel of pve1 is pinned to ${GONE}, which is not installed`,
      remedy: 'proxmox-boot-tool kernel unpin && proxmox-boot-tool refresh',
    },
  ]);
});
