import { describe, expect, it } from 'vitest';
import { validateConfig } from '../../config/validate.ts';

function problemsWith(power: Record<string, unknown>): readonly string[] {
  const checked = validateConfig({
    cluster: {
      name: 'homelab',
      api: { token: { env: 'TOKEN' }, caFile: '/ca.pem' },
      ssh: { privateKey: { file: '/key' }, knownHosts: '/known_hosts' },
      nodes: [
        { name: 'pve1', address: '10.0.0.1' },
        { name: 'pve2', address: '10.0.0.2' },
      ],
    },
    power: { ups: { name: 'ups', host: '10.0.0.5' }, ...power },
  });
  return 'config' in checked ? [] : checked.problems.map(({ field, message }) => `${field} ${message}`);
}

describe('phases that contradict each other', () => {
  it.each([
    [{ shed: { after: '15 minutes' } }, 'power.shed.after is not before power.final.after'],
    [{ shed: { after: '5 minutes' }, final: { after: '4 minutes' } }, 'power.shed.after is not before'],
    [{ shed: { charge: 30 } }, 'power.shed.charge is not above power.final.charge'],
    [{ final: { charge: 60 }, restore: { charge: 70 } }, 'power.shed.charge is not above power.final.charge'],
    [
      { shed: { runtime: '5 minutes' }, final: { runtime: '5 minutes' } },
      'power.shed.runtime is not longer than power.final.runtime',
    ],
    [{ restore: { charge: 30 } }, 'power.restore.charge is not above power.final.charge'],
    [{ shed: { nodes: ['pve1', 'pve2'] } }, 'power.shed.nodes names every node, and phase 2 must leave one'],
    [{ shed: { nodes: ['pve3'] } }, 'power.shed.nodes[0] is pve3, which is not a configured node'],
    [{ shed: { nodes: ['pve2', 'pve2'] } }, 'power.shed.nodes[1] names pve2 a second time'],
  ])('%j are refused: %s', (power, expected) => {
    expect(problemsWith(power)).toEqual([expect.stringContaining(expected)]);
  });

  it.each([
    [{ shed: { after: '0 seconds' } }, 'power.shed.after'],
    [{ final: { after: '0 seconds' } }, 'power.final.after'],
    [{ final: { blind: '0 seconds' } }, 'power.final.blind'],
    [{ shed: { charge: 101 } }, 'power.shed.charge'],
  ])('%j are refused, for no phase begins before there is an outage', (power, field) => {
    expect(problemsWith(power).some((problem) => problem.startsWith(field))).toBe(true);
  });

  it('are not seen where phase 2 has no charge or no nodes, which is how it is switched off', () => {
    expect(problemsWith({ shed: { charge: 0 } })).toEqual([]);
    expect(problemsWith({ shed: { nodes: [] } })).toEqual([]);
    expect(problemsWith({ shed: { charge: 0 }, final: { charge: 0 }, restore: { charge: 1 } })).toEqual([]);
  });
});
