import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { nodeSpec, smallSite } from '../../lab/site.ts';
import type { NodeSpec } from '../../lab/site.ts';
import { UpsDevice } from '../../lab/ups/device.ts';
import { hangOn } from '../../lab/ups/index.ts';
import { upsSpec } from '../../lab/ups/spec.ts';
import { parseLine, quoted } from '../../lab/ups/words.ts';
import { stillCluster } from './lab-support.ts';

const MINUTE = 60_000;

async function site(...nodes: readonly NodeSpec[]) {
  const still = await stillCluster(smallSite(nodes.length === 0 ? {} : { overrides: { nodes } }));
  const device = new UpsDevice({ ...still, directory: tmpdir() }, upsSpec());
  hangOn(device, still.cluster);
  const power = () => [...still.cluster.nodes.values()].map(({ machine }) => machine.power);
  const watts = () => device.variables().get('ups.realpower');
  return { ...still, device, power, watts };
}

describe('the nodes of the lab', () => {
  it('lose their power, and with it their guests, when the battery of their UPS is empty', async () => {
    const { cluster, clock, log, device, power } = await site();
    device.setMains(false);
    await clock.advance(18 * MINUTE);
    expect(power()).toEqual(['on', 'on']);
    await clock.advance(MINUTE);
    expect(power()).toEqual(['off', 'off']);
    expect([...cluster.guests.values()].some(({ running }) => running)).toBe(false);
    expect(log.of('node.shutdown')).toEqual([]);
    device.setMains(true);
    await clock.advance(10 * MINUTE);
    expect(power()).toEqual(['off', 'off']);
  });

  it('cannot be turned on while there is no power', async () => {
    const { cluster, clock, device, power } = await site();
    device.setMains(false);
    device.setCharge(0);
    cluster.node('pve1').machine.powerOn();
    await clock.advance(5 * MINUTE);
    expect(power()).toEqual(['off', 'off']);
    device.setMains(true);
    cluster.node('pve1').machine.powerOn();
    await clock.advance(5 * MINUTE);
    expect(power()).toEqual(['on', 'off']);
  });

  it.each([
    ['stay-off', 'off', 'off'],
    ['power-on', 'on', 'on'],
    ['last-state', 'on', 'off'],
  ] as const)('do what their BIOS says when power is back: %s', async (acRecovery, wasOn, wasOff) => {
    const { cluster, clock, device, power } = await site(
      nodeSpec('pve1', 0, { acRecovery }),
      nodeSpec('pve2', 1, { acRecovery }),
    );
    cluster.node('pve2').machine.powerCut('test');
    device.setMains(false);
    device.setCharge(0);
    await clock.advance(10 * MINUTE);
    expect(power()).toEqual(['off', 'off']);
    device.setMains(true);
    await clock.advance(5 * MINUTE);
    expect(power()).toEqual([wasOn, wasOff]);
  });

  it('draw less when they are off, so that the rest lasts longer', async () => {
    const { cluster, clock, device, power, watts } = await site();
    expect(watts()).toBe('380');
    device.setMains(false);
    await clock.advance(5 * MINUTE);
    const { machine } = cluster.node('pve2');
    const off = machine.shutdown({ reboot: false, actor: 'test' });
    await clock.advance(5 * MINUTE);
    await off;
    expect(watts()).toBe('228');
    await clock.advance(9 * MINUTE);
    expect(power()).toEqual(['on', 'off']);
  });
});

describe('a line in the lab', () => {
  it.each([
    ['SET VAR ups ups.id "a \\"b\\" \\\\ \\#"', ['SET', 'VAR', 'ups', 'ups.id', 'a "b" \\ #']],
    ['SET VAR ups ups.id "a#b" # and more', ['SET', 'VAR', 'ups', 'ups.id', 'a#b']],
    ['SET VAR ups ups.id "a #b"', null],
    ['LIST  VAR\tups\r', ['LIST', 'VAR', 'ups']],
    ['PASSWORD ""', ['PASSWORD', '']],
    ['', []],
    ['PASSWORD "open', null],
    ['PASSWORD open\\', null],
  ])('of %s', (line, words) => {
    expect(parseLine(line)).toEqual(words);
  });

  it('has the comment sign of NUT escaped in its values', () => {
    expect(quoted('a "b" \\ #1')).toBe('"a \\"b\\" \\\\ \\#1"');
  });
});
