import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MoveGuestInput } from '../../activities/guests.ts';
import type { UpgradeNodeInput } from '../../activities/upgrade.ts';
import { aContainer, aVm, outdated } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, roll } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

it('no guest moves from a node that was upgraded to one that was not, which QEMU may refuse', async () => {
  const nodes = ['pve1', 'pve2', 'pve3'];
  const guests = nodes.flatMap((node, index) => [aVm(101 + index, { node }), aContainer(201 + index, { node })]);
  const world = aWorld(guests, { reboot: 'always' });
  world.nodes.splice(0, 2, ...nodes);
  world.software.set('pve3', outdated('pve3'));

  expect(await roll(environment, world)).toMatchObject({ outcome: 'done', reason: '3 of 3 nodes updated, 3 rebooted' });

  const upgraded = new Set<string>();
  const moves: string[] = [];
  const backward: string[] = [];
  for (const { name, input } of world.calls) {
    if (name === 'upgradeNode') upgraded.add((input as UpgradeNodeInput).node);
    if (name !== 'moveGuest') continue;
    const { vmid, from, to } = input as MoveGuestInput;
    moves.push(`${vmid} ${from}→${to}`);
    if (upgraded.has(from) && !upgraded.has(to)) backward.push(`${vmid} ${from}→${to}`);
  }
  expect(moves).toHaveLength(2 * guests.length);
  expect(backward).toEqual([]);
});
