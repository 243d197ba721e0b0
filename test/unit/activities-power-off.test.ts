import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import { SshError } from '../../clients/ssh/index.ts';
import type { Bmc } from '../../clients/wake/index.ts';
import type { Duration } from '../../domain/duration.ts';
import type { PowerGate } from '../../domain/outage.ts';
import { activityEnvironment, clientError } from '../helpers/fake-deps.ts';
import { aNode, UNKNOWN, worldOf, type FakeNode } from '../helpers/fake-node.ts';
import { aGate, fakePowerDeps, NO_ANSWER, powerActivitiesOver, type FakePower } from '../helpers/fake-power.ts';

const forbidden = clientError('refused', 'POST /nodes/pve2/status: 403 Permission check failed');

function shutDown(
  node: FakeNode,
  world: FakePower = {},
  gate: Partial<PowerGate> = {},
  info: Parameters<typeof activityEnvironment>[0] = {},
) {
  const { shutDownNode } = powerActivitiesOver(fakePowerDeps({ ...worldOf(node), ...world }));
  return activityEnvironment(info).run(shutDownNode, { node: 'pve2', gate: aGate(gate) });
}

describe('shutting a node down', () => {
  it('is asked of its own API', async () => {
    const node = aNode();
    expect(await shutDown(node)).toEqual({
      outcome: 'done',
      words: 'pve2 was told to shut down: its API took it',
    });
    expect(node.calls).toEqual(['shutdown by its API']);
  });

  it('does nothing at all with the mains on', async () => {
    expect(await shutDown(aNode(), { ups: ['OL'], proxmox: {}, exec: unexpected })).toMatchObject({
      outcome: 'mains-on',
    });
  });

  it('does nothing at all without a word of the UPS, but for who decided without one', async () => {
    const silent = { ups: [NO_ANSWER] };
    expect(await shutDown(aNode(), { ...silent, proxmox: {}, exec: unexpected })).toMatchObject({
      outcome: 'no-sample',
    });
    const node = aNode();
    expect(await shutDown(node, silent, { blind: true })).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['shutdown by its API']);
  });

  it('says in a rehearsal what it would do', async () => {
    const node = aNode();
    expect(await shutDown(node, { ups: ['OL'] }, { rehearsal: true })).toEqual({
      outcome: 'done',
      words: 'would shut down pve2',
    });
    expect(node.calls).toEqual([]);
  });

  it('is asked of another node when its own API does not do it', async () => {
    const node = aNode({ refusals: { own: forbidden } });
    expect(await shutDown(node)).toMatchObject({
      words: 'pve2 was told to shut down: the API of another node took it',
    });
    expect(node.calls).toEqual(['shutdown by pve1']);
  });

  it.each([
    [401, 'authentication failure'],
    [500, 'unable to fork worker'],
    [595, 'No route to host'],
    [596, 'Broken pipe'],
  ])('is asked of another node when its own API answers %i', async (status, statusText) => {
    const call = { method: 'POST', path: '/nodes/pve2/status', endpoint: 'pve2' };
    const node = aNode({ api: errorFromAnswer(call, { status, statusText, body: '' }) });
    expect(await shutDown(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['shutdown by pve1']);
  });

  it('fails with words where no API does it and the SSH key has changed: such a node is not taken for off', async () => {
    const ssh = new SshError('SshHostKeyChanged', 'refused', 'root@pve2:22', 'the host key is another');
    const node = aNode({ api: 'silent', ssh, onlineForPve1: null });
    expect(await shutDown(node)).toMatchObject({ outcome: 'failed' });
    expect(await awaitOff(node, undefined, '20 ms')).toMatchObject({
      off: 'unverified',
      words: expect.stringContaining('it still answers') as string,
    });
  });

  it('is done over SSH when no API does it', async () => {
    const node = aNode({ api: 'silent', onlineForPve1: null });
    expect(await shutDown(node)).toMatchObject({ words: 'pve2 was told to shut down: SSH took it' });
    expect(node.calls).toEqual(['poweroff over SSH']);
  });

  it('over SSH ends only the boot that was seen before the look at the UPS', async () => {
    const node = aNode({ api: 'silent', onlineForPve1: null });
    const world = worldOf(node);
    const exec: FakePower['exec'] = (name, line) => {
      if (line.includes('systemctl')) node.bootId = 'boot-2';
      return world.exec?.(name, line) ?? Promise.reject(new Error('no shell'));
    };
    expect(await shutDown(node, { exec })).toMatchObject({ outcome: 'failed' });
    expect(node.calls).toEqual([]);
  });

  it('tells each way that failed, and why', async () => {
    const node = aNode({ refusals: { own: forbidden, other: forbidden, ssh: 'Failed to connect to bus' } });
    expect(await shutDown(node)).toEqual({
      outcome: 'failed',
      words:
        `pve2 could not be told to shut down (its API: ${forbidden.message}; the API of another node: ` +
        `${forbidden.message}; SSH: exit code 1 Failed to connect to bus)`,
    });
  });

  it('goes on to the next way when an answer was lost', async () => {
    const node = aNode({ refusals: { own: UNKNOWN } });
    expect(await shutDown(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['shutdown by pve1']);
  });

  it('counts as done when it may have been taken and no way is left', async () => {
    const node = aNode({ refusals: { own: UNKNOWN, other: forbidden, ssh: UNKNOWN } });
    expect(await shutDown(node)).toMatchObject({
      outcome: 'done',
      words: expect.stringContaining('may have taken it') as string,
    });
  });

  describe('is over for a node that answers nowhere', () => {
    const over = {
      outcome: 'done',
      words: 'pve2 answers neither by its API nor over SSH: it is off, or on its way',
    };
    const alone = { api: 'silent', ssh: 'silent', onlineForPve1: null } as const;

    it('when other nodes count it offline, or its system is still there and refuses SSH', async () => {
      for (const [ssh, onlineForPve1] of [['silent', false] as const, ['refused', null] as const]) {
        const node = aNode({ api: 'silent', ssh, onlineForPve1 });
        expect(await shutDown(node)).toEqual(over);
        expect(node.calls).toEqual([]);
      }
    });

    it('when its BMC says that it is off', async () => {
      expect(await shutDown(aNode(alone), { bmc: { power: () => Promise.resolve('off') } })).toEqual(over);
    });

    it('when an attempt that died may have told it', async () => {
      expect(await shutDown(aNode(alone), {}, {}, { attempt: 2, heartbeatDetails: { told: true } })).toEqual(over);
    });

    it('but not when nobody else can be asked: a switch may have died, and the node runs', async () => {
      const on = { bmc: { power: () => Promise.resolve('on' as const) } };
      const mute = { bmc: { power: () => Promise.reject(clientError('retryable', 'no session')) } };
      for (const world of [{}, on, mute]) {
        expect(await shutDown(aNode(alone), world)).toEqual({
          outcome: 'failed',
          words: 'pve2 answers neither by its API nor over SSH, and no other node is there to ask: it may still be on',
        });
      }
    });
  });

  it('leaves word before it tells, for an attempt after one that died', async () => {
    const { shutDownNode } = powerActivitiesOver(fakePowerDeps(worldOf(aNode())));
    const environment = activityEnvironment();
    const heartbeats: unknown[] = [];
    environment.onHeartbeat((details) => heartbeats.push(details));
    await environment.run(shutDownNode, { node: 'pve2', gate: aGate() });
    expect(heartbeats.at(-1)).toEqual({ told: true });
  });

  it('is asked of another node that still sees one which we do not reach', async () => {
    const node = aNode({ api: 'silent', ssh: 'silent' });
    expect(await shutDown(node)).toMatchObject({ outcome: 'done' });
    expect(node.calls).toEqual(['shutdown by pve1']);
  });

  it('looks at the UPS again in an attempt after one that died', async () => {
    const node = aNode();
    await shutDown(node);
    expect(await shutDown(node, { ups: ['OL'] }, {}, { attempt: 2 })).toMatchObject({ outcome: 'mains-on' });
    expect(node.calls).toEqual(['shutdown by its API']);
  });

  it('is known of a node that an attempt has told before it died, although the mains are back or nothing is known', async () => {
    const goingDown = { outcome: 'done', words: 'pve2 was told to shut down before: it goes down' };
    for (const said of ['OL', NO_ANSWER]) {
      const node = aNode({ state: 'stopping' });
      expect(await shutDown(node, { ups: [said] }, {}, { attempt: 2 })).toEqual(goingDown);
      expect(await shutDown(node, { ups: [said] })).not.toMatchObject({ outcome: 'done' });
      expect(node.calls).toEqual([]);
    }
    const off = aNode({ api: 'silent', ssh: 'silent' });
    expect(await shutDown(off, { ups: ['OL'] }, {}, { attempt: 2 })).toEqual({
      outcome: 'done',
      words: 'pve2 was told to shut down before: it is silent',
    });
  });
});

const unexpected = (_name: string, line: string): never => {
  throw new Error(`the test did not expect "${line}"`);
};

function awaitOff(node: FakeNode, power?: Bmc['power'], within: Duration = '1 minute', bootId: string | null = null) {
  const bmc = power === undefined ? {} : { bmc: { power } };
  const { awaitNodeOff } = powerActivitiesOver(fakePowerDeps({ ...worldOf(node), ...bmc }));
  return activityEnvironment().run(awaitNodeOff, { node: 'pve2', within, bootId });
}

/** After so many looks it is as given. */
function after(looks: number, node: FakeNode, then: Partial<FakeNode>): FakeNode {
  node.onLook = () => {
    if (looks-- === 0) Object.assign(node, then);
  };
  return node;
}

describe('a node counts as off', () => {
  const off = { api: 'silent', ssh: 'silent', onlineForPve1: false } as const;

  it('when its BMC says so', async () => {
    const says = ['on', 'on', 'off'] as const;
    let looks = 0;
    const power = () => Promise.resolve(says[looks++] ?? 'off');
    expect(await awaitOff(aNode({ api: 'silent', ssh: 'silent' }), power)).toEqual({
      off: 'verified',
      words: 'its BMC says that it is off',
    });
    expect(looks).toBe(3);
  });

  it('when it was silent three times in a row and the other nodes count it offline', async () => {
    let looks = 0;
    const node = aNode(off);
    node.onLook = () => {
      looks += 1;
      node.api = looks === 3 ? 'up' : 'silent';
    };
    expect(await awaitOff(node)).toEqual({
      off: 'verified',
      words: 'it answers neither by its API nor over SSH, and the other nodes count it offline',
    });
    expect(looks).toBe(6);
  });

  it('though its BMC does not answer', async () => {
    const power = () => Promise.reject(clientError('retryable', 'no session'));
    expect(await awaitOff(aNode(off), power)).toMatchObject({ off: 'verified' });
  });

  it('when no other node is there to ask', async () => {
    expect(await awaitOff(aNode({ ...off, onlineForPve1: null }))).toMatchObject({
      off: 'verified',
      words: expect.stringContaining('no other node is there to ask') as string,
    });
  });

  it('when it has refused SSH for half a minute and no other node is there to ask', async () => {
    let looks = 0;
    const node = aNode({ ...off, ssh: 'refused', onlineForPve1: null, onLook: () => (looks += 1) });
    expect(await awaitOff(node)).toMatchObject({ off: 'verified' });
    expect(looks).toBe(15);
  });

  it('when it has been started again since by itself, and at once', async () => {
    const up = aNode({ onlineForPve1: true });
    expect(await awaitOff(up, undefined, '1 minute', 'another boot')).toEqual({
      off: 'verified',
      words: 'it was off, and has been started again since',
    });
    for (const bootId of [up.bootId, null]) {
      expect(await awaitOff(up, undefined, '30 ms', bootId)).toMatchObject({ off: 'unverified' });
    }
  });

  it('when it refuses SSH and the other nodes count it offline', async () => {
    let looks = 0;
    expect(await awaitOff(aNode({ ...off, ssh: 'refused', onLook: () => (looks += 1) }))).toMatchObject({
      off: 'verified',
    });
    expect(looks).toBe(3);
  });
});

const notKnown = errorFromAnswer(
  { method: 'GET', path: '/version', endpoint: 'pve2' },
  { status: 401, statusText: 'no such token', body: '' },
);

describe('it is not certain that a node is off', () => {
  it('while it answers, or shows that something runs there', async () => {
    for (const alive of [
      { api: 'up', ssh: 'silent' },
      { api: notKnown, ssh: 'silent' },
      { api: 'silent', ssh: 'up' },
    ] as const) {
      expect(await awaitOff(aNode({ ...alive, onlineForPve1: false }), undefined, '30 ms')).toEqual({
        off: 'unverified',
        words: 'not certain within 30 ms: it still answers',
      });
    }
  });

  it('while its BMC says that it is on', async () => {
    const node = aNode({ api: 'silent', ssh: 'silent', onlineForPve1: false });
    expect(await awaitOff(node, () => Promise.resolve('on'), '30 ms')).toMatchObject({
      off: 'unverified',
      words: expect.stringContaining('its BMC says that it is on') as string,
    });
  });

  it('while other nodes count it online', async () => {
    const node = aNode({ api: 'silent', ssh: 'silent', onlineForPve1: true });
    expect(await awaitOff(node, undefined, '30 ms')).toMatchObject({
      off: 'unverified',
      words: expect.stringContaining('other nodes count it online') as string,
    });
    expect(await awaitOff(after(5, node, { onlineForPve1: false }))).toMatchObject({ off: 'verified' });
  });
});
