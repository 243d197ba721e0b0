import { ApplicationFailure, WorkflowUpdateFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostProgress, HostReport } from '../../domain/patch.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aHostWorld, patch, wantsReboot, type HostWorld } from './host-world.ts';
import { failureOf, until, type Run } from './roll-world.ts';

// A run that has started another one stops the server from skipping time.
let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

const phaseOf = async ({ handle }: Pick<Run<HostReport>, 'handle'>) =>
  (await handle.query<HostProgress>('progress')).phase;

describe('a host that is patched', () => {
  it('is upgraded, rebooted if it wants it, and reported', async () => {
    const world = aHostWorld('lxc');
    wantsReboot(world, 'libc6');
    world.upgrade = { ...world.upgrade, keptConffiles: ['/etc/curlrc'], removed: ['libold'] };
    const report = await patch(environment, world);
    expect(report).toMatchObject({
      host: 'pihole-1',
      outcome: 'patched',
      packages: [{ name: 'curl', from: '8.1', to: '8.2' }],
      keptConffiles: ['/etc/curlrc'],
      removed: ['libold'],
      reboot: { because: ['libc6 asked for it'], downSeconds: 12 },
      rebootPending: [],
      snapshot: null,
      remedy: null,
    });
    expect(world.calls).toEqual(['upgradeHost', 'rebootHost']);
  });

  it('is unchanged when there was nothing to do', async () => {
    const world = aHostWorld();
    world.upgrade = { packages: [], keptConffiles: [], removed: [], refreshed: true };
    expect(await patch(environment, world)).toMatchObject({ outcome: 'unchanged', packages: [] });
    expect(world.calls).toEqual(['upgradeHost']);
  });

  it('is never rebooted for the kernel of its node when it is a container', async () => {
    const world = aHostWorld('lxc');
    wantsReboot(world, 'linux-image-6.12.41+deb13-amd64');
    expect(await patch(environment, world)).toMatchObject({ outcome: 'patched', reboot: null, rebootPending: [] });
  });

  it('keeps its boot, and says that it wants another, where the policy leaves reboots to people', async () => {
    const world = aHostWorld('lxc', { autoReboot: false });
    wantsReboot(world, 'libc6');
    expect(await patch(environment, world)).toMatchObject({
      outcome: 'patched',
      reboot: null,
      rebootPending: ['libc6 asked for it'],
    });
    expect(world.calls).toEqual(['upgradeHost']);
  });

  it('is not rebooted when its boot could not be told from the next', async () => {
    const world = aHostWorld('lxc');
    wantsReboot(world, 'libc6');
    world.reading = { ...world.reading, boot: { unknown: 'no /proc' } };
    const report = await patch(environment, world);
    expect(report.rebootPending).toEqual(['libc6 asked for it']);
    expect(report.warnings.join()).toContain('the reboot could not be proved: no /proc');
    expect(world.calls).toEqual(['upgradeHost']);
  });

  it('is not rebooted when a partner has gone away meanwhile', async () => {
    const world = aHostWorld('lxc');
    wantsReboot(world, 'libc6');
    world.partners = ['pihole-2'];
    world.before.upgradeHost = () => void world.silent.push('pihole-2');
    const report = await patch(environment, world);
    expect(report).toMatchObject({ outcome: 'patched', reboot: null, rebootPending: ['libc6 asked for it'] });
    expect(report.warnings.join()).toContain('pihole-2 does not answer');
  });

  it('is told to want a reboot still when the one that it had did not help', async () => {
    const world = aHostWorld('lxc');
    wantsReboot(world, 'libc6');
    world.before.readHostState = () => wantsReboot(world, 'libc6');
    const report = await patch(environment, world);
    expect(report).toMatchObject({ reboot: { downSeconds: 12 }, rebootPending: ['libc6 asked for it'] });
    expect(report.warnings.join()).toContain('it was rebooted and wants it still');
    expect(world.calls).toEqual(['upgradeHost', 'rebootHost']);
  });

  it('is only looked at in a dry run', async () => {
    const world = aHostWorld('lxc', { dryRun: true });
    wantsReboot(world, 'libc6');
    expect(await patch(environment, world)).toMatchObject({
      outcome: 'planned',
      reason: '1 package to upgrade by its package lists, and a reboot',
      packages: [{ name: 'curl' }],
      rebootPending: ['libc6 asked for it'],
    });
    expect(world.calls).toEqual([]);
  });
});

describe('a host that is left alone', () => {
  const YOUNG = new Date(Date.now() - 3_600_000).toISOString();
  const cases: Record<string, { change: (world: HostWorld) => void; reason: RegExp }> = {
    'is exempt': { change: (world) => (world.exempt = 'by hand'), reason: /^it is exempt: by hand$/ },
    'is stopped': { change: (world) => (world.place = at(world, { status: 'stopped' })), reason: /^it is stopped$/ },
    'is a template': {
      change: (world) => (world.place = at(world, { template: true, status: 'stopped' })),
      reason: /^192 is a template$/,
    },
    'has no backup': {
      change: (world) => (world.policy = { ...world.policy, backupWithin: '2 days' }),
      reason: /^no backup of it is known$/,
    },
    'has a last backup that failed': {
      change: (world) => {
        world.policy = { ...world.policy, backupWithin: '2 days' };
        world.backup = { endedAt: YOUNG, ok: false, why: 'no space left' };
      },
      reason: /^its last backup failed: no space left$/,
    },
    'has an old backup': {
      change: (world) => {
        world.policy = { ...world.policy, backupWithin: '2 days' };
        world.backup = { endedAt: '2026-01-01T00:00:00Z', ok: true, why: null };
      },
      reason: /^its last backup is of 2026-01-01/,
    },
    'has a partner that is away': {
      change: (world) => {
        world.partners = ['pihole-2'];
        world.silent = ['pihole-2'];
      },
      reason: /^pihole-2 does not answer, and they must never be away together$/,
    },
  };
  it.each(Object.entries(cases))('because it %s is skipped with the reason', async (_, { change, reason }) => {
    const world = aHostWorld();
    change(world);
    const report = await patch(environment, world);
    expect(report.outcome).toBe('skipped');
    expect(report.reason).toMatch(reason);
    expect(world.calls).toEqual([]);
  });

  it('is patched with a backup that is good and young enough', async () => {
    const world = aHostWorld('lxc', { backupWithin: '2 days' });
    world.backup = { endedAt: YOUNG, ok: true, why: null };
    expect((await patch(environment, world)).outcome).toBe('patched');
  });
});

describe('a host that does not answer, or is none that apt can patch', () => {
  it('fails before anything is touched', async () => {
    const silent = aHostWorld('lxc', { snapshot: 'before' });
    silent.silent = ['pihole-1'];
    expect((await failureOf(patch(environment, silent))).message).toContain('It does not answer, and nothing was done');
    const alpine = aHostWorld('lxc', { snapshot: 'before' });
    alpine.reading = { ...alpine.reading, packages: { unknown: 'dpkg-query: not found' } };
    expect((await failureOf(patch(environment, alpine))).message).toContain('Is it Debian or Ubuntu?');
    expect([...silent.calls, ...alpine.calls]).toEqual([]);
  });
});

describe('a host that may be another than the inventory means', () => {
  it('fails, and nothing is touched', async () => {
    const world = aHostWorld();
    world.place = { guest: world.place.guest, mismatches: ['Proxmox calls 192 mailserver'] };
    const ending = await failureOf(patch(environment, world));
    expect(ending.type).toBe('HostPatchFailed');
    expect(ending.report).toMatchObject({ outcome: 'failed', remedy: expect.stringContaining('pihole-1') as string });
    expect(ending.message).toContain('Proxmox calls 192 mailserver');
    expect(world.calls).toEqual([]);
  });
});

describe('the pause before the reboot of a virtual machine', () => {
  it('passes by itself, after a mail that says how to stop it', async () => {
    const world = aHostWorld('qemu', { announceReboot: true, rebootPause: '1 second' });
    wantsReboot(world, 'libc6');
    expect(await patch(environment, world)).toMatchObject({ outcome: 'patched', reboot: { downSeconds: 12 } });
    expect(world.mails[0]?.subject).toMatch(/^web-apps-vm reboots at .* unless you stop it$/);
    expect(world.mails[0]?.text).toContain('skip-reboot web-apps-vm');
  });

  it('is ended by rebootNow, long before its time', async () => {
    const world = aHostWorld('qemu', { rebootPause: '5 hours' });
    wantsReboot(world, 'libc6');
    const report = await patch(environment, world, {
      meanwhile: async (run) => {
        await until(async () => (await phaseOf(run)) === 'awaiting-reboot');
        expect(await run.handle.executeUpdate('rebootNow')).toBe('web-apps-vm reboots now');
      },
    });
    expect(report.reboot).not.toBeNull();
    expect(Date.parse(report.endedAt) - Date.parse(report.startedAt)).toBeLessThan(3_600_000);
  });

  it('is ended by skipReboot, after which the host keeps its boot and the report says so', async () => {
    const world = aHostWorld('qemu', { rebootPause: '5 hours' });
    wantsReboot(world, 'libc6');
    const report = await patch(environment, world, {
      meanwhile: async (run) => {
        await until(async () => (await phaseOf(run)) === 'awaiting-reboot');
        await run.handle.executeUpdate('skipReboot');
      },
    });
    expect(report).toMatchObject({ outcome: 'patched', reboot: null, rebootPending: ['libc6 asked for it'] });
    expect(report.warnings.join()).toContain('a person has stopped its reboot');
    expect(world.calls).toEqual(['upgradeHost']);
  });

  it('takes no choice while there is none', async () => {
    const world = aHostWorld('qemu');
    let refusal: unknown;
    let upgrading = false;
    let goOn = () => {};
    world.before.upgradeHost = async () => {
      upgrading = true;
      await new Promise<void>((resolve) => (goOn = resolve));
    };
    await patch(environment, world, {
      meanwhile: async ({ handle }) => {
        await until(() => upgrading);
        refusal = await handle.executeUpdate('rebootNow').catch((error: unknown) => error);
        goOn();
      },
    });
    expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(String((refusal as WorkflowUpdateFailedError).cause)).toContain('web-apps-vm is not about to reboot now');
  });

  it('ends with the run when somebody aborts it, and the report says what the host still wants', async () => {
    const world = aHostWorld('qemu', { rebootPause: '5 hours', snapshot: 'none' });
    wantsReboot(world, 'libc6');
    const ending = await failureOf(
      patch(environment, world, {
        meanwhile: async (run) => {
          await until(async () => (await phaseOf(run)) === 'awaiting-reboot');
          await run.handle.executeUpdate('abort');
        },
      }),
    );
    expect(ending.type).toBe('Aborted');
    expect(ending.report).toMatchObject({ outcome: 'aborted', rebootPending: ['libc6 asked for it'] });
    expect(world.calls).toEqual(['upgradeHost']);
  });
});

describe('an upgrade that fails', () => {
  it('is reported with its reason, and nobody goes on while it may still be at work', async () => {
    const world = aHostWorld();
    world.before.upgradeHost = () => {
      throw ApplicationFailure.nonRetryable('curl: post-installation script failed', 'UpgradeFailed');
    };
    const ending = await failureOf(patch(environment, world));
    expect(ending).toMatchObject({ type: 'HostPatchFailed', report: { outcome: 'failed', packages: [] } });
    expect(ending.message).toContain('post-installation script failed');
    expect(world.calls).toEqual(['upgradeHost', 'awaitHostUpgradeOver']);
  });
});

describe('an unknown host', () => {
  it('is refused at once', async () => {
    const world = aHostWorld();
    world.before.loadHostSettings = () => {
      throw ApplicationFailure.nonRetryable('host is web, which the configuration does not have', 'InvalidInput');
    };
    expect((await failureOf(patch(environment, world))).type).toBe('InvalidInput');
    expect((await failureOf(patch(environment, world, { input: { host: undefined as never } }))).type).toBe(
      'InvalidInput',
    );
  });
});

function at({ place }: HostWorld, changes: Partial<NonNullable<HostWorld['place']['guest']>>): HostWorld['place'] {
  if (place.guest === null) throw new Error('the host is no guest');
  return { ...place, guest: { ...place.guest, ...changes } };
}
