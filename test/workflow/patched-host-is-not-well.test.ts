import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeSnapshotId } from '../../domain/ids.ts';
import type { HostReport } from '../../domain/patch.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aHostWorld, patch, wantsReboot, type HostWorld } from './host-world.ts';
import { failureOf, until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

const PROBE = { name: 'dns', kind: 'dns', query: 'example.org', timeout: '2 seconds' } as const;
const FAILS = { name: 'dns', ok: false, detail: 'ESERVFAIL' };

/** A host whose DNS breaks with the upgrade. */
function breaking(policy: Parameters<typeof aHostWorld>[1] = {}): HostWorld {
  const world = aHostWorld('lxc', { snapshot: 'before', probes: [PROBE], ...policy });
  world.before.upgradeHost = () => void world.ailing.set('dns', FAILS);
  return world;
}

function removalOf(world: HostWorld, { snapshot }: HostReport) {
  const id = removeSnapshotId(world.cluster, world.host.vmid ?? 0, snapshot?.name ?? '');
  return environment.client.workflow.getHandle(id);
}

it('a host whose probe fails after the upgrade is taken back to its snapshot, proved, and told as a failure', async () => {
  const world = breaking();
  const ending = await failureOf(patch(environment, world));
  expect(ending.type).toBe('HostPatchFailed');
  expect(ending.report).toMatchObject({ outcome: 'rolled-back', packages: [{ name: 'curl' }] });
  expect(ending.report.reason).toContain('"dns" fails (ESERVFAIL)');
  expect(ending.report.remedy).toContain('is kept for 3 days');
  expect(world.calls).toEqual(['ensureSnapshot', 'upgradeHost', 'rollBack']);
  expect(world.reading.packages).toEqual({ value: 'digest-before' });
});

it('a host that is not as before after the rollback is a failure, and its snapshot is left to people', async () => {
  const world = breaking();
  world.before.awaitHost = () => {
    world.reading = { ...world.reading, packages: { value: 'digest-of-something-else' } };
  };
  const ending = await failureOf(patch(environment, world));
  expect(ending.report).toMatchObject({ outcome: 'failed', snapshot: { until: null } });
  expect(ending.message).toContain('its packages are not those from before');
  expect(await removalOf(world, ending.report).result()).toBe('kept');
  expect(world.snapshots).toHaveLength(1);
});

it('a host without a snapshot, or with a policy that takes none back, is left as it is', async () => {
  const none = breaking({ snapshot: 'none' });
  expect((await failureOf(patch(environment, none))).report).toMatchObject({ outcome: 'failed', snapshot: null });
  expect(none.calls).toEqual(['upgradeHost']);
  const never = breaking({ rollBack: 'never' });
  expect((await failureOf(patch(environment, never))).report).toMatchObject({
    outcome: 'failed',
    snapshot: { until: null },
  });
  expect(never.calls).toEqual(['ensureSnapshot', 'upgradeHost']);
});

it('a probe that failed before is no reason to take a host back', async () => {
  const world = breaking();
  world.ailing.set('dns', FAILS);
  const report = await patch(environment, world);
  expect(report.outcome).toBe('patched');
  expect(report.warnings.join()).toContain('"dns" failed before anything was changed');
});

it('a container of Docker that does not come back is one', async () => {
  const world = aHostWorld('qemu', { snapshot: 'before', rebootPause: '0 seconds' });
  world.reading = { ...world.reading, containers: { value: ['plex', 'traefik'] } };
  world.before.upgradeHost = () => {
    world.reading = { ...world.reading, containers: { value: ['plex'] } };
  };
  const ending = await failureOf(patch(environment, world));
  expect(ending.report.outcome).toBe('rolled-back');
  expect(ending.message).toContain('the container traefik ran before and does not run');
});

it('a failed upgrade is one only where the policy says so', async () => {
  const failing = (policy: 'when-unwell' | 'when-failed') => {
    const world = aHostWorld('lxc', { snapshot: 'before', rollBack: policy });
    world.before.upgradeHost = () => {
      throw ApplicationFailure.nonRetryable('postinst failed', 'UpgradeFailed');
    };
    return world;
  };
  const left = failing('when-unwell');
  expect((await failureOf(patch(environment, left))).report).toMatchObject({
    outcome: 'failed',
    snapshot: { until: null },
  });
  const back = failing('when-failed');
  expect((await failureOf(patch(environment, back))).report.outcome).toBe('rolled-back');
  expect(back.calls).toEqual(['ensureSnapshot', 'upgradeHost', 'awaitHostUpgradeOver', 'rollBack']);
});

it('a host that does not come back from its reboot is taken back, one that never went down is not', async () => {
  const notProven = (world: HostWorld, silent: boolean) => {
    wantsReboot(world, 'libc6');
    world.before.rebootHost = ({ host }) => {
      if (silent) world.silent = [host];
      throw ApplicationFailure.nonRetryable('it was not rebooted in time', 'RebootNotProven');
    };
    return world;
  };
  const gone = notProven(aHostWorld('lxc', { snapshot: 'before' }), true);
  expect((await failureOf(patch(environment, gone))).report.outcome).toBe('rolled-back');
  const still = notProven(aHostWorld('lxc', { snapshot: 'before' }), false);
  expect((await failureOf(patch(environment, still))).report).toMatchObject({
    outcome: 'failed',
    rebootPending: ['libc6 asked for it'],
  });
  expect(still.calls).not.toContain('rollBack');
});

it('a run that loses the lease before the reboot takes nothing back', async () => {
  const world = aHostWorld('lxc', { snapshot: 'before' });
  wantsReboot(world, 'libc6');
  const lease = { workflowId: 'maintenance', runId: 'one' };
  const other = { run: { workflowId: 'power', runId: 'x' }, reason: 'power', priority: 'power', since: '' } as const;
  world.before.upgradeHost = () => {
    world.lease = { granted: false, ahead: 0, holder: { ...other, preemptedBy: null } };
  };
  const ending = await failureOf(patch(environment, world, { input: { lease } }));
  expect(ending.report).toMatchObject({ outcome: 'failed', rebootPending: ['libc6 asked for it'] });
  expect(world.calls).toEqual(['ensureSnapshot', 'upgradeHost']);
});

it('a probe that is well again when it is asked once more keeps the host as it is, and a person looks', async () => {
  const world = breaking();
  world.before.contactHost = () => void world.ailing.clear();
  const ending = await failureOf(patch(environment, world));
  expect(ending.report).toMatchObject({ outcome: 'failed', snapshot: { until: null } });
  expect(ending.report.warnings.join()).toContain('is well by now, so it is not taken back');
  expect(world.calls).not.toContain('rollBack');
});

it('a host that only we do not reach is not taken back for what we see of it', async () => {
  const world = breaking();
  world.activities.contactHost = () => Promise.resolve('out-of-our-reach');
  const ending = await failureOf(patch(environment, world));
  expect(ending.report.outcome).toBe('failed');
  expect(ending.report.warnings.join()).toContain('its node reaches it and we do not');
  expect(world.calls).not.toContain('rollBack');
});

it('a run that has to make way takes nothing back, and its snapshot goes when its time is over', async () => {
  const world = breaking();
  let upgraded = false;
  let goOn = () => {};
  world.before.upgradeHost = async () => {
    world.ailing.set('dns', FAILS);
    upgraded = true;
    await new Promise<void>((resolve) => (goOn = resolve));
  };
  const ending = await failureOf(
    patch(environment, world, {
      meanwhile: async ({ handle }) => {
        await until(() => upgraded);
        await handle.executeUpdate('abort');
        goOn();
      },
    }),
  );
  expect(ending.type).toBe('Aborted');
  expect(ending.report.snapshot?.until).toEqual(expect.any(String));
  expect(world.calls).toEqual(['ensureSnapshot', 'upgradeHost']);
});

it('a host of which nobody can tell whether it is gone is not taken back', async () => {
  const world = breaking();
  world.before.contactHost = () => {
    throw ApplicationFailure.nonRetryable('no node of the cluster answers', 'RemoteUnavailable');
  };
  const ending = await failureOf(patch(environment, world));
  expect(ending.report.outcome).toBe('failed');
  expect(ending.report.warnings.join()).toContain('nobody can tell whether it is well');
  expect(world.calls).not.toContain('rollBack');
});

it('a host to which nothing was done is not taken back for what goes wrong beside it', async () => {
  const world = breaking();
  world.upgrade = { packages: [], keptConffiles: [], removed: [], refreshed: true };
  expect(await patch(environment, world)).toMatchObject({ outcome: 'unchanged', snapshot: null });
});

it('a snapshot that cannot be taken keeps the host from being touched', async () => {
  const world = breaking();
  world.before.ensureSnapshot = () => {
    throw ApplicationFailure.nonRetryable('snapshot feature is not available', 'SnapshotFailed');
  };
  const ending = await failureOf(patch(environment, world));
  expect(ending.report).toMatchObject({ outcome: 'failed', snapshot: null });
  expect(world.calls).not.toContain('upgradeHost');
});

it('a snapshot of a host that had nothing to do is removed at once', async () => {
  const world = aHostWorld('lxc', { snapshot: 'before' });
  world.upgrade = { packages: [], keptConffiles: [], removed: [], refreshed: true };
  const report = await patch(environment, world, {
    meanwhile: () => until(() => world.calls.includes('removeSnapshot')),
  });
  expect(report).toMatchObject({ outcome: 'unchanged', snapshot: null });
  expect(world.snapshots).toEqual([]);
});
