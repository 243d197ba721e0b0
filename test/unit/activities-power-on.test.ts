import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { Bmc, MagicPacket } from '../../clients/wake/index.ts';
import type { Duration } from '../../domain/duration.ts';
import { activityEnvironment, clientError } from '../helpers/fake-deps.ts';
import { aNode, UNKNOWN, worldOf, type FakeNode } from '../helpers/fake-node.ts';
import { fakePowerDeps, powerActivitiesOver, type FakePower } from '../helpers/fake-power.ts';

const OFF = { api: 'silent', ssh: 'silent', onlineForPve1: false } as const;
const BUSY = clientError('retryable', 'BMC 10.0.0.9: it cannot do it now');

function wake(node: FakeNode, world: FakePower = {}, within: Duration = '1 minute', rehearsal = false) {
  const { wakeNode } = powerActivitiesOver(fakePowerDeps({ ...worldOf(node), ...world }));
  return activityEnvironment().run(wakeNode, { node: 'pve2', within, rehearsal });
}

/** The node comes up after so many looks at its API, once something was sent. */
function comesUp(node: FakeNode, looks = 3): FakeNode {
  node.onLook = () => {
    if (node.calls.length > 0 && looks-- <= 0) node.api = 'up';
  };
  return node;
}

/** A BMC that says `states` one after the other; what turns it on is written down. */
function aBmc(node: FakeNode, ...states: ('on' | 'off' | Error)[]): Partial<Bmc> {
  return {
    power: () => {
      const state = (states.length > 1 ? states.shift() : states[0]) ?? 'off';
      return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
    },
    turnOn: () => Promise.resolve(void node.calls.push('turned on')),
    cycle: () => Promise.resolve(void node.calls.push('cycled')),
  };
}

describe('waking a node', () => {
  it('that is up needs nothing', async () => {
    const node = aNode();
    expect(await wake(node)).toEqual({ outcome: 'done', words: 'pve2 was up' });
    expect(node.calls).toEqual([]);
  });

  it('is done by its BMC, which is asked first and afterwards', async () => {
    const node = comesUp(aNode(OFF));
    expect(await wake(node, { bmc: aBmc(node, 'off', 'on') })).toEqual({
      outcome: 'done',
      words: 'pve2 is up: its BMC turned it on',
    });
    expect(node.calls).toEqual(['turned on']);
  });

  it('waits for one that its BMC says is on', async () => {
    const node = aNode(OFF);
    let looks = 3;
    node.onLook = () => {
      if (looks-- === 0) node.api = 'up';
    };
    expect(await wake(node, { bmc: aBmc(node, 'on') })).toMatchObject({ words: 'pve2 is up: it came up by itself' });
    expect(node.calls).toEqual([]);
  });

  it('is tried again while its BMC is busy, or does not turn it on', async () => {
    const node = comesUp(aNode(OFF));
    expect(await wake(node, { bmc: aBmc(node, BUSY, BUSY, 'off', 'off', 'off', 'on') })).toMatchObject({
      outcome: 'done',
    });
    expect(node.calls).toEqual(['turned on', 'turned on']);
  });

  it('says what its BMC says when it does not come up', async () => {
    const node = aNode(OFF);
    const refuses = { ...aBmc(node, 'off'), turnOn: () => Promise.reject(BUSY) };
    expect(await wake(node, { bmc: refuses }, '20 ms')).toEqual({
      outcome: 'failed',
      words: `pve2 did not come up within 20 ms: its BMC does not turn it on: ${BUSY.message}`,
    });
  });

  it('is asked of another node where there is no BMC, three times', async () => {
    const node = comesUp(aNode(OFF), 30);
    expect(await wake(node)).toEqual({ outcome: 'done', words: 'pve2 is up: another node sent it a magic packet' });
    expect(node.calls).toEqual(['packet by pve1', 'packet by pve1', 'packet by pve1']);
  });

  it('in a rehearsal sends nothing', async () => {
    const node = aNode(OFF);
    expect(await wake(node, {}, '1 minute', true)).toEqual({
      outcome: 'done',
      words: 'would turn pve2 on by magic packets',
    });
    expect(await wake(node, { bmc: aBmc(node, 'off') }, '1 minute', true)).toEqual({
      outcome: 'done',
      words: 'would turn pve2 on by its BMC',
    });
    expect(node.calls).toEqual([]);
  });

  it('says so when there is no way to do it', async () => {
    const node = aNode({ ...OFF, onlineForPve1: null });
    expect(await wake(node, {}, '20 ms')).toMatchObject({
      outcome: 'failed',
      words: expect.stringMatching(
        /nothing can wake it \(.*no MAC address in power.nodes\). Turn it on by hand/,
      ) as string,
    });
  });

  describe('by a packet of our own', () => {
    let socket: Socket | undefined;
    afterEach(() => socket?.close());

    async function heard(): Promise<{ packet: MagicPacket; packets: Buffer[] }> {
      const packets: Buffer[] = [];
      socket = createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      socket.on('message', (bytes) => packets.push(bytes));
      return { packets, packet: { mac: '02:00:00:00:00:02', broadcast: '127.0.0.1', port: socket.address().port } };
    }

    it('is done when no other node runs', async () => {
      const { packet, packets } = await heard();
      const node = aNode({ ...OFF, onlineForPve1: null });
      node.onLook = () => {
        if (packets.length > 0) node.api = 'up';
      };
      expect(await wake(node, { wake: packet })).toEqual({
        outcome: 'done',
        words: 'pve2 is up: Caretaker sent it a magic packet',
      });
      expect(packets[0]).toHaveLength(102);
    });

    it('is done when its BMC does not answer', async () => {
      const { packet, packets } = await heard();
      const node = aNode({ ...OFF, onlineForPve1: null });
      node.onLook = () => {
        if (packets.length > 0) node.api = 'up';
      };
      expect(await wake(node, { wake: packet, bmc: aBmc(node, BUSY) })).toMatchObject({ outcome: 'done' });
      expect(node.calls).toEqual([]);
    });
  });
});

describe('cycling the power of a node', () => {
  function cycle(node: FakeNode, bmc: Partial<Bmc> | null = aBmc(node, 'on'), attempt = 1) {
    const { cycleNode } = powerActivitiesOver(fakePowerDeps({ ...worldOf(node), ...(bmc ? { bmc } : {}) }));
    return activityEnvironment({ attempt }).run(cycleNode, { node: 'pve2' });
  }

  it('is done by its BMC', async () => {
    const node = aNode(OFF);
    expect(await cycle(node)).toEqual({ outcome: 'done', words: 'pve2 was power-cycled' });
    expect(node.calls).toEqual(['cycled']);
  });

  it('turns on one that is off by now', async () => {
    const node = aNode(OFF);
    expect(await cycle(node, aBmc(node, 'off'))).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['turned on']);
  });

  it('is never done to one that answers', async () => {
    const node = aNode({ ...OFF, api: 'up' });
    expect(await cycle(node)).toEqual({ outcome: 'failed', words: 'pve2 answers: it is left alone' });
    expect(node.calls).toEqual([]);
  });

  it('is not done again after an attempt that died', async () => {
    const node = aNode(OFF);
    expect(await cycle(node, aBmc(node, 'on'), 2)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual([]);
  });

  it('fails with words without a BMC, and when it does not do it', async () => {
    const node = aNode(OFF);
    expect(await cycle(node, null)).toEqual({ outcome: 'failed', words: 'pve2 has no BMC (power.nodes)' });
    expect(await cycle(node, { ...aBmc(node, 'on'), cycle: () => Promise.reject(BUSY) })).toEqual({
      outcome: 'failed',
      words: BUSY.message,
    });
  });

  it('counts as done when the answer was lost', async () => {
    const node = aNode(OFF);
    expect(await cycle(node, { ...aBmc(node, 'on'), cycle: () => Promise.reject(UNKNOWN) })).toEqual({
      outcome: 'done',
      words: UNKNOWN.message,
    });
  });
});
