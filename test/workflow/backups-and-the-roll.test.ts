import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RollReport } from '../../domain/report.ts';
import { aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment.teardown();
});

const running = { node: 'pve2', what: 'the backup of 100' };

// The clock of the run may be days ahead of ours.
const SOON = new Date().toISOString();
const FAR_AWAY = '2099-01-01T00:00:00.000Z';

describe('backups and a rolling update', () => {
  it('that run are waited for before anything is touched', async () => {
    const world = aWorld([aVm(100)]);
    world.backups = { running: [running], jobs: [] };
    await roll(environment, world);
    expect(world.changes()[0]).toBe('awaitNoBackup');
    const names = world.calls.map(({ name }) => name);
    expect(names.indexOf('awaitNoBackup')).toBeLessThan(names.indexOf('readCluster'));
  });

  it('that run keep the node untouched where the policy says so', async () => {
    const world = aWorld([aVm(100)], { backups: 'refuse' });
    world.backups = { running: [running], jobs: [] };
    const { report, message } = await failureOf<RollReport>(roll(environment, world));
    expect(message).toContain('the backup of 100 on pve2 runs');
    expect(report.nodes[0]?.openUndo).toEqual([]);
    expect(world.changes()).toEqual([]);
  });

  it('that begin during the upgrade are waited for before the reboot', async () => {
    const world = aWorld([aVm(100)], { reboot: 'always' });
    world.before.upgradeNode = ({ node }) => {
      if (node === 'pve1') world.backups = { running: [running], jobs: [] };
    };
    const report = await roll(environment, world);
    expect(report.nodes[0]?.warnings).toContain('waited for the backup of 100 on pve2');
    const changes = world.changes();
    expect(changes.indexOf('awaitNoBackup')).toBe(changes.indexOf('rebootNode pve1') - 1);
  });

  it('that come due are held back and enabled again as the last step of the node', async () => {
    const world = aWorld([aVm(100)]);
    world.backups = {
      running: [],
      jobs: [
        { id: 'soon', enabled: true, nextRun: SOON },
        { id: 'unknown', enabled: true, nextRun: null },
        { id: 'far away', enabled: true, nextRun: FAR_AWAY },
        { id: 'off', enabled: false, nextRun: null },
      ],
    };
    await roll(environment, world, { input: [{ nodes: ['pve1'] }] });
    const jobs = world.calls
      .filter(({ name }) => name === 'ensureBackupJob')
      .map(({ input }) => input as { id: string; enabled: boolean })
      .map(({ id, enabled }) => `${id} ${enabled ? 'on' : 'off'}`);
    expect(jobs.slice(0, 2)).toEqual(['soon off', 'unknown off']);
    expect(jobs.slice(2).sort()).toEqual(['soon on', 'unknown on']);
    const changes = world.changes();
    expect(changes.slice(-3)).toEqual(['move 100 pve2→pve1', 'ensureBackupJob', 'ensureBackupJob']);
    expect(world.backups.jobs.map(({ enabled }) => enabled)).toEqual([true, true, true, false]);
  });

  it('are enabled again when the update fails, even if the node is too sick to take its guests', async () => {
    const world = aWorld([aVm(100)], { reboot: 'always' });
    world.backups = { running: [], jobs: [{ id: 'soon', enabled: true, nextRun: SOON }] };
    world.before.rebootNode = () => {
      throw ApplicationFailure.nonRetryable('it stays away');
    };
    world.before.awaitRejoin = () => {
      throw ApplicationFailure.nonRetryable('it does not answer');
    };
    const { report } = await failureOf<RollReport>(roll(environment, world));
    expect(world.backups.jobs[0]?.enabled).toBe(true);
    expect(report.nodes[0]?.openUndo.map(({ undo }) => undo.kind)).toEqual(['guest-away']);
  });
});
