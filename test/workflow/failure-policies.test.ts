import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailureAction, FailureClass, FailureResponse } from '../../domain/decision.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { aContainer, aNode, anHaVm, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, type Step, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const STEPS: Readonly<Record<Exclude<FailureClass, 'refused'>, Step>> = {
  guestMove: 'moveGuest',
  guestShutdown: 'ensureGuestStopped',
  haMove: 'awaitHaGuestsAway',
  upgrade: 'upgradeNode',
  reboot: 'rebootNode',
  rejoin: 'awaitRejoin',
};

/** A world in which one step of pve1 fails so often, and a policy that says what then. */
function withTrouble(about: FailureClass, response: FailureResponse, times: number, more: PolicyOverrides = {}): World {
  const guests = [aVm(100), aContainer(200), anHaVm(102)];
  const { onFailure, ...rest } = more;
  const world = aWorld(guests, {
    reboot: 'always',
    guests: { overrides: { '200': 'shutdown' } },
    onFailure: { [about]: response, ...onFailure },
    ...rest,
  });
  world.cluster = { qdevice: { votes: 1, connected: true }, ha: { startedServices: 1 } };
  if (about === 'refused') return locked(world, times);
  let left = times;
  (world.before[STEPS[about]] as unknown) = (input: unknown) => {
    if (nodeIn(input) !== 'pve1' || left === 0) return;
    left -= 1;
    throw ApplicationFailure.nonRetryable(`${about} failed`, about === 'reboot' ? 'RebootNotProven' : 'Broken');
  };
  return world;
}

/** The node that a step is about: the one that a guest leaves. */
function nodeIn(input: unknown): string | undefined {
  const { node, from } = input as { readonly node?: string; readonly from?: string };
  return node ?? from;
}

/** The first node is found refused when its turn comes, though the whole plan had nothing against it. */
function locked(world: World, times: number): World {
  let looks = 0;
  world.before.readCluster = () => {
    looks += 1;
    const held = looks > 1 && looks <= 1 + times;
    world.guests = world.guests.map((guest) =>
      guest.vmid === 100 ? { ...guest, lock: held ? 'backup' : null } : guest,
    );
  };
  return world;
}

const CLASSES: readonly FailureClass[] = [
  'refused',
  'guestMove',
  'guestShutdown',
  'haMove',
  'upgrade',
  'reboot',
  'rejoin',
];

const home = (world: World) => world.guests.map(({ vmid, node, running }) => [vmid, node, running]);
const ALL_HOME = [
  [100, 'pve1', true],
  [200, 'pve1', true],
  [102, 'pve1', true],
];

describe('"stop"', () => {
  it.each(CLASSES)('ends the run at the first trouble: %s', async (about) => {
    const failure = await failureOf(roll(environment, withTrouble(about, 'stop', 99)));
    expect(failure.report.nodes.map((node) => node.outcome)).toEqual(
      about === 'refused' ? ['refused'] : ['failed', 'not-reached'],
    );
  });
});

describe('"retry"', () => {
  it.each(CLASSES)('tries again after a pause and goes on when it works: %s', async (about) => {
    const world = withTrouble(about, 'retry', 2);
    const report = await roll(environment, world);
    expect(report).toMatchObject({ outcome: 'done', nodes: [{ outcome: 'updated' }, { outcome: 'updated' }] });
    expect(home(world)).toEqual(ALL_HOME);
  });

  it.each(CLASSES)('stops when it has tried as often as it may: %s', async (about) => {
    const world = withTrouble(about, 'retry', 99, { onFailure: { retries: 2 } });
    await failureOf(roll(environment, world));
    expect(world.changes()).not.toContain('upgradeNode pve2');
    if (about === 'refused') return;
    const tries = world.calls.filter(({ name, input }) => name === STEPS[about] && nodeIn(input) === 'pve1');
    // After a failure, awaitRejoin is asked once more, whether the node is well enough to take its guests back.
    expect(tries).toHaveLength(about === 'rejoin' ? 4 : 3);
  });

  it('starts a failed upgrade as a new job, after the last is known to be over', async () => {
    const world = withTrouble('upgrade', 'retry', 1, { nodes: ['pve1'] });
    await roll(environment, world);
    const jobs = world.calls.filter(({ name }) => name === 'upgradeNode' || name === 'awaitUpgradeOver');
    expect(jobs.map(({ name }) => name)).toEqual(['upgradeNode', 'awaitUpgradeOver', 'upgradeNode']);
    const [first, over, second] = jobs.map(({ input }) => (input as { jobId: string }).jobId);
    expect(over).toBe(first);
    expect(second).not.toBe(first);
  });

  it('makes a node ready for its reboot once more, where it is still up', async () => {
    const world = withTrouble('reboot', 'retry', 1, { nodes: ['pve1'] });
    const fail = world.before.rebootNode;
    world.before.rebootNode = (input) => {
      if (!world.calls.some(({ name }) => name === 'awaitNoBackup')) {
        world.backups = { ...world.backups, running: [{ what: 'vzdump of 300', node: 'pve2' }] };
      }
      return fail?.(input);
    };
    await roll(environment, world);
    expect(world.changes().filter((change) => /^(rebootNode|awaitNoBackup)/.test(change))).toEqual([
      'rebootNode pve1',
      'awaitNoBackup',
      'rebootNode pve1',
    ]);
  });

  it('that is refused does not take back a reboot that was asked for before: no guest goes home', async () => {
    const world = withTrouble('reboot', 'retry', 0, { nodes: ['pve1'] });
    const types = ['RebootNotProven', 'RemoteRefused', 'RemoteRefused', 'RemoteRefused'];
    world.before.rebootNode = () => {
      throw ApplicationFailure.nonRetryable('reboot failed', types.shift());
    };
    const failure = await failureOf(roll(environment, world));
    expect(types).toEqual([]);
    expect(failure.report.nodes[0]?.openUndo[0]?.reason).toContain('a reboot was asked for and may still come');
    expect(world.changes()).not.toContain('move 100 pve2→pve1');
  });

  it.each(['guestMove', 'upgrade', 'reboot'] as const)(
    'tries nothing while another node is away: %s',
    async (about) => {
      const world = withTrouble(about, 'retry', 1);
      const fail = world.before[STEPS[about]] as ((input: unknown) => void) | undefined;
      (world.before[STEPS[about]] as unknown) = (input: unknown) => {
        world.cluster = { ...world.cluster, nodes: [aNode('pve1'), aNode('pve2', { online: false })] };
        fail?.(input);
      };
      const failure = await failureOf(roll(environment, world));
      expect(failure.message).toContain('pve2 went offline meanwhile, and at most one node may be away');
      const tries = world.calls.filter(({ name, input }) => name === STEPS[about] && nodeIn(input) === 'pve1');
      expect(tries).toHaveLength(1);
    },
  );
});

describe('"skip-node"', () => {
  it.each(['refused', 'guestMove', 'guestShutdown', 'haMove'] as const)(
    'tidies up, proves the node well and goes on with the next: %s',
    async (about) => {
      const world = withTrouble(about, 'skip-node', 99);
      const report = await roll(environment, world);
      expect(report).toMatchObject({
        outcome: 'done',
        nodes: [
          { node: 'pve1', outcome: 'skipped', openUndo: [] },
          { node: 'pve2', outcome: 'updated' },
        ],
      });
      expect(report.nodes[0]?.reason).toMatch(/^pve1 is skipped: /);
      expect(home(world)).toEqual(ALL_HOME);
      const changes = world.changes();
      expect(changes).not.toContain('upgradeNode pve1');
      if (about !== 'refused') {
        expect(changes.indexOf('awaitRejoin pve1')).toBeGreaterThan(changes.indexOf('maintenance on pve1'));
        expect(changes.indexOf('awaitRejoin pve1')).toBeLessThan(changes.indexOf('maintenance off pve1'));
        expect(changes.indexOf('maintenance off pve1')).toBeLessThan(changes.indexOf('upgradeNode pve2'));
      }
    },
  );

  it('does not go on past a node that is not well', async () => {
    const world = withTrouble('guestMove', 'skip-node', 99);
    world.before.awaitRejoin = () => {
      throw ApplicationFailure.nonRetryable('service corosync is not active', 'RejoinFailed');
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.message).toContain('pve1 could not be tidied up, so the run does not go on without it');
    expect(failure.report).toMatchObject({
      outcome: 'failed',
      nodes: [{ outcome: 'failed' }, { outcome: 'not-reached' }],
    });
    expect(world.changes()).not.toContain('maintenance on pve2');
  });

  it('does not let the run say that nothing was touched when the next node is refused', async () => {
    const world = withTrouble('guestMove', 'skip-node', 99);
    world.before.awaitRejoin = () => {
      world.guests = [...world.guests, aVm(300, { node: 'pve2', lock: 'backup' })];
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'RollFailed', report: { outcome: 'failed' } });
  });
});

describe('"shutdown-guest"', () => {
  it('shuts the guest down that does not move, and starts it again when its node is back', async () => {
    const world = withTrouble('guestMove', 'shutdown-guest', 1, { nodes: ['pve1'] });
    const report = await roll(environment, world);
    expect(report.nodes[0]).toMatchObject({ outcome: 'updated', openUndo: [] });
    expect(report.nodes[0]?.warnings).toContain('vm-100 (100) could not be moved to pve2 and is shut down instead');
    const changes = world.changes().filter((change) => change.includes(' 100 '));
    expect(changes).toEqual(['move 100 pve1→pve2', 'ensureGuestStopped 100 pve1', 'ensureGuestRunning 100 pve1']);
    expect(home(world)).toEqual(ALL_HOME);
  });

  it('leaves a guest alone that something holds: then it stops', async () => {
    const world = withTrouble('guestMove', 'shutdown-guest', 99);
    const fail = world.before.moveGuest;
    world.before.moveGuest = (input) => {
      world.guests = world.guests.map((guest) => ({ ...guest, lock: 'migrate' }));
      return fail?.(input);
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.message).toBe('pve1: guestMove failed');
    expect(world.changes()).not.toContain('ensureGuestStopped 100 pve1');
  });
});

describe('"ask"', () => {
  const OPTIONS: Readonly<Record<FailureClass, readonly FailureAction[]>> = {
    refused: ['retry', 'skip-node', 'stop'],
    guestMove: ['retry', 'shutdown-guest', 'skip-node', 'stop'],
    guestShutdown: ['retry', 'skip-node', 'stop'],
    haMove: ['retry', 'skip-node', 'stop'],
    upgrade: ['retry', 'stop'],
    reboot: ['retry', 'stop'],
    rejoin: ['retry', 'stop'],
  };

  it.each(CLASSES)('offers what is safe and, unanswered, stops: %s', async (about) => {
    const world = withTrouble(about, 'ask', 99, { timeouts: { decision: '300 ms' } });
    const failure = await failureOf(roll(environment, world));
    expect(failure.report.nodes[0]?.decisions).toMatchObject([
      { question: { node: 'pve1', about, options: OPTIONS[about], byDefault: 'stop' }, answer: 'stop', by: 'deadline' },
    ]);
    const [decision] = failure.report.nodes[0]?.decisions ?? [];
    const waited = Date.parse(decision?.answeredAt ?? '') - Date.parse(decision?.question.askedAt ?? '');
    expect(waited).toBeGreaterThanOrEqual(300);
    expect(world.changes()).not.toContain('upgradeNode pve2');
  });

  it.each(['guestMove', 'reboot'] as const)(
    'unanswered, skips the node where the policy says so and that is safe, else stops: %s',
    async (about) => {
      const world = withTrouble(about, 'ask', 99, {
        onFailure: { unanswered: 'skip-node' },
        timeouts: { decision: '300 ms' },
      });
      if (about === 'guestMove') {
        expect(await roll(environment, world)).toMatchObject({
          nodes: [{ outcome: 'skipped' }, { outcome: 'updated' }],
        });
        return;
      }
      const failure = await failureOf(roll(environment, world));
      expect(failure.report.nodes[0]?.decisions[0]).toMatchObject({ answer: 'stop', by: 'deadline' });
    },
  );
});

describe('a guest that could not go home', () => {
  it('is tried again before that becomes a warning', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    let left = 2;
    world.before.moveGuest = ({ to }) => {
      if (to !== 'pve1' || left-- <= 0) return;
      throw ApplicationFailure.nonRetryable('storage is gone', 'GuestMoveFailed');
    };
    const report = await roll(environment, world);
    expect(report.nodes[0]).toMatchObject({ outcome: 'updated', openUndo: [], warnings: [] });
    expect(world.changes().filter((change) => change === 'move 100 pve2→pve1')).toHaveLength(3);
  });

  it('stays away when others have filled its home meanwhile, and those others stay too', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    world.before.awaitRejoin = () => {
      world.guests = [...world.guests, aVm(300, { maxMemory: 56 * 2 ** 30 })];
    };
    const report = await roll(environment, world);
    expect(report.nodes[0]).toMatchObject({
      outcome: 'updated',
      openUndo: [{ undo: { vmid: 100 }, reason: expect.stringContaining('has no room on pve1 any more') as string }],
    });
    expect(world.changes().filter((change) => change.startsWith('move'))).toEqual(['move 100 pve1→pve2']);
  });

  it('is not fought over: where somebody moved it meanwhile, it stays', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    world.before.awaitRejoin = () => {
      world.guests = world.guests.map((guest) => ({ ...guest, node: 'pve3' }));
    };
    const report = await roll(environment, world);
    expect(report.nodes[0]).toMatchObject({ outcome: 'updated', openUndo: [], guests: [{ at: 'away', node: 'pve3' }] });
    expect(world.changes().filter((change) => change.startsWith('move'))).toHaveLength(2);
    expect(world.guests[0]?.node).toBe('pve3');
  });
});
