import { describe, expect, it } from 'vitest';
import { validateConfig } from '../../config/validate.ts';

const UPS = { name: 'ups', host: '10.0.0.5' };

function problemsWith(power: Record<string, unknown>, nodes = ['pve1', 'pve2']): readonly string[] {
  const checked = validateConfig({
    cluster: {
      name: 'homelab',
      api: { token: { env: 'TOKEN' }, caFile: '/ca.pem' },
      ssh: { privateKey: { file: '/key' }, knownHosts: '/known_hosts' },
      nodes: nodes.map((name, index) => ({ name, address: `10.0.0.${index + 1}` })),
    },
    power: { ups: UPS, ...power },
  });
  return 'config' in checked ? [] : checked.problems.map(({ field, message }) => `${field} ${message}`);
}

const shed = (changes: object) => ({ nodes: ['pve2'], ...changes });

it('the UPS is looked at every five seconds at least, and is given as long for its answer', () => {
  const withUps = (changes: object) => problemsWith({ ups: { ...UPS, ...changes } });
  expect(withUps({})).toEqual([]);
  expect(withUps({ interval: '5 seconds', timeout: '5 seconds' })).toEqual([]);
  expect(withUps({ interval: '6 seconds' })).toEqual(['power.ups.interval is longer than 5 seconds']);
  expect(withUps({ timeout: '1 minute' })).toEqual(['power.ups.timeout is longer than 5 seconds']);
});

describe('phases that contradict each other are refused:', () => {
  it.each([
    ['by time', { shed: shed({ after: '15 minutes' }) }, 'power.shed.after is not before power.final.after'],
    [
      'by time, the one written and the other not',
      { shed: shed({}), final: { after: '5 minutes' } },
      'power.shed.after is not before power.final.after',
    ],
    ['by charge', { shed: shed({ charge: 30 }) }, 'power.shed.charge is not above power.final.charge'],
    [
      'by runtime',
      { shed: shed({ runtime: '8 minutes' }), final: { runtime: '10 minutes' } },
      'power.shed.runtime is not longer than power.final.runtime',
    ],
    [
      'by runtime, where that of phase 3 is left to its least',
      { shed: shed({ runtime: '5 minutes' }) },
      'power.shed.runtime is not longer than the 5 minutes with which phase 3 begins at the latest',
    ],
    [
      'a blip as long as phase 1',
      { shed: shed({}), confirm: '5 minutes' },
      'power.confirm is not shorter than power.shed.after',
    ],
    [
      'a blip as long as all that comes before phase 3',
      { confirm: '15 minutes' },
      'power.confirm is not shorter than power.final.after',
    ],
    [
      'a charge to come back with that would take the nodes down at once',
      { restore: { charge: 30 } },
      'power.restore.charge is not above power.final.charge',
    ],
    [
      'maintenance that is waited for until after phase 3 is due',
      { shed: shed({}), timeouts: { yield: '10 minutes' } },
      'power.timeouts.yield is not shorter than the time from power.shed.after to power.final.after',
    ],
  ])('%s', (_, power, problem) => {
    expect(problemsWith(power)).toEqual([problem]);
  });

  it('by every one of them at once, each told', () => {
    const all = { shed: shed({ after: '14 minutes', charge: 20 }), confirm: '20 minutes', restore: { charge: 10 } };
    expect(problemsWith(all)).toEqual([
      'power.timeouts.yield is not shorter than the time from power.shed.after to power.final.after',
      'power.confirm is not shorter than power.shed.after',
      'power.shed.charge is not above power.final.charge',
      'power.restore.charge is not above power.final.charge',
    ]);
  });
});

describe('a phase that would begin before there is an outage is refused:', () => {
  it.each([
    ['power.shed.after', { shed: shed({ after: '0 seconds' }) }],
    ['power.final.after', { final: { after: '0 seconds' } }],
    ['power.final.blind', { final: { blind: '0 seconds' } }],
    ['power.shed.charge', { shed: shed({ charge: 101 }) }],
  ])('%s', (field, power) => {
    expect(problemsWith(power).some((problem) => problem.startsWith(field))).toBe(true);
  });
});

describe('phases are not held to each other', () => {
  it('where they come one right after the other', () => {
    expect(problemsWith({ shed: shed({ charge: 31 }), restore: { charge: 31 } })).toEqual([]);
    expect(problemsWith({ shed: shed({ runtime: '301 seconds' }) })).toEqual([]);
    expect(problemsWith({ shed: shed({ runtime: '11 minutes' }), final: { runtime: '10 minutes' } })).toEqual([]);
  });

  it('by a charge that never begins them', () => {
    expect(problemsWith({ shed: shed({ charge: 0 }) })).toEqual([]);
    expect(problemsWith({ final: { charge: 0 }, restore: { charge: 0 } })).toEqual([]);
  });

  it('where no node is shed: there is no phase 2', () => {
    expect(
      problemsWith({ final: { after: '2 minutes', charge: 60, runtime: '20 minutes' }, restore: { charge: 70 } }),
    ).toEqual([]);
  });
});

describe('nodes are', () => {
  it('those of the cluster, each once, and never all of them in phase 2', () => {
    expect(problemsWith({ shed: shed({ nodes: ['pve3'] }) })).toEqual([
      'power.shed.nodes[0] is pve3, which is not a configured node',
    ]);
    expect(problemsWith({ shed: shed({ nodes: ['pve2', 'pve2'] }) })).toEqual([
      'power.shed.nodes[1] names pve2 a second time',
    ]);
    expect(problemsWith({ shed: shed({ nodes: ['pve1', 'pve2'] }) })).toEqual([
      'power.shed.nodes names every node, and phase 2 must leave one',
    ]);
  });

  it('woken by one entry each', () => {
    const entry = (name: string) => ({ name, wake: { mac: '00:11:22:33:44:55' } });
    expect(problemsWith({ nodes: [entry('pve1'), entry('pve2')] })).toEqual([]);
    expect(problemsWith({ nodes: [entry('pve3')] })).toEqual([
      'power.nodes[0].name is pve3, which is not a configured node',
    ]);
    expect(problemsWith({ nodes: [entry('pve1'), entry('pve1')] })).toEqual([
      'power.nodes[1].name is that of another entry too',
    ]);
  });
});

describe('what the nodes draw', () => {
  const drawing = (watts: number) => ({ nodes: [{ name: 'pve1', watts }] });

  it('is part of what everything on the UPS draws', () => {
    expect(problemsWith({ ups: { ...UPS, watts: 100 }, ...drawing(100) })).toEqual([]);
    expect(problemsWith({ ups: { ...UPS, watts: 99 }, ...drawing(100) })).toEqual([
      'power.ups.watts is less than the nodes draw (100)',
    ]);
    expect(problemsWith(drawing(100))).toEqual(['power.ups.watts is missing, and power.nodes[].watts is given']);
  });
});

describe('of what is no configuration at all', () => {
  it.each([
    ['nothing', { shed: null, final: null, restore: null, timeouts: null, nodes: null, ups: null }],
    ['numbers', { shed: 5, final: 15, restore: 1, timeouts: 1, nodes: 2, ups: 3 }],
    [
      'text where a time belongs',
      { shed: shed({ after: 'soon', runtime: 'long' }), confirm: 'a blink', timeouts: { yield: 'a while' } },
    ],
    ['lists of nothing', { nodes: [null, { name: 7 }], shed: shed({ nodes: [null, 7] }) }],
  ])('%s, the mistakes are told, and nothing is thrown', (_, power) => {
    expect(problemsWith(power)).not.toEqual([]);
  });
});
