import { describe, expect, it } from 'vitest';
import type { BackupJob, ProxmoxClient, TaskListing } from '../../clients/proxmox/index.ts';
import { jobsDue } from '../../planning/backups.ts';
import { activitiesOver, activityEnvironment, clientError, fakeDeps } from '../helpers/fake-deps.ts';

function aTask(node: string, changes: Partial<TaskListing> = {}): TaskListing {
  return {
    ...{ upid: 'UPID', node, type: 'vzdump', id: '100', user: 'root@pam' },
    ...{ startTime: 1, endTime: undefined, status: undefined, running: true },
    ...changes,
  };
}

function aCluster(tasks: (node: string) => TaskListing[], jobs: BackupJob[] = []) {
  const set: string[] = [];
  const proxmox: Partial<ProxmoxClient> = {
    clusterStatus: () =>
      Promise.resolve({
        name: 'homelab',
        quorate: true,
        nodes: ['pve1', 'pve2', 'pve3'].map((name, index) => {
          return { name, nodeId: index + 1, address: undefined, online: name !== 'pve3', local: false };
        }),
      }),
    tasks: (node) => {
      if (node === 'pve3') throw new Error('it is off');
      return Promise.resolve(tasks(node));
    },
    backupJobs: () => Promise.resolve(jobs),
    setBackupJob: (id, { enabled }) => {
      set.push(`${id} ${enabled}`);
      jobs.splice(0, jobs.length, ...jobs.map((job) => (job.id === id ? { ...job, enabled } : job)));
      return Promise.resolve();
    },
  };
  return { proxmox, set };
}

function aJob(id: string, enabled: boolean): BackupJob {
  return { id, enabled, schedule: '21:00', nextRun: 1_700_000_000, storage: 'pbs' };
}

function run<Input, Result>(
  proxmox: Partial<ProxmoxClient>,
  pick: (activities: ReturnType<typeof activitiesOver>) => (input: Input) => Promise<Result>,
  input: NoInfer<Input>,
) {
  return activityEnvironment().run(pick(activitiesOver(fakeDeps({ proxmox }))), input);
}

describe('backups', () => {
  it('are waited for on every node that is up, whatever ended before', async () => {
    let looks = 0;
    const { proxmox } = aCluster((node) => [
      aTask(node, { running: false, status: 'OK' }),
      ...(node === 'pve2' && ++looks < 3 ? [aTask(node, { id: '' })] : []),
    ]);
    await run(proxmox, ({ awaitNoBackup }) => awaitNoBackup, { within: '1 minute' });
    expect(looks).toBe(3);
  });

  it('that do not end in time are an error that names them', async () => {
    const { proxmox } = aCluster((node) => (node === 'pve1' ? [aTask(node)] : []));
    await expect(run(proxmox, ({ awaitNoBackup }) => awaitNoBackup, { within: '20 ms' })).rejects.toMatchObject({
      message: expect.stringContaining('the backup of 100 on pve1') as string,
    });
  });

  it('of a node that is up and does not answer are not taken for none', async () => {
    const { proxmox } = aCluster(() => {
      throw clientError('retryable', 'connection refused');
    });
    await expect(run(proxmox, ({ awaitNoBackup }) => awaitNoBackup, { within: '20 ms' })).rejects.toMatchObject({
      message: expect.stringContaining('connection refused') as string,
    });
  });

  it('are enabled again only where nobody has done so or removed the job', async () => {
    const { proxmox, set } = aCluster(() => [], [aJob('ours', false), aJob('enabled-by-hand', true)]);
    const enable = (id: string) =>
      run(proxmox, ({ ensureBackupJob }) => ensureBackupJob, { id, enabled: true, within: '1 minute' });
    expect([await enable('ours'), await enable('enabled-by-hand'), await enable('removed')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(set).toEqual(['ours true']);
  });

  it('count as due when they may begin before a node that takes three times as long is done', () => {
    const at = (minutes: number) => new Date(minutes * 60_000).toISOString();
    const job = (id: string, nextRun: string | null, enabled = true) => ({ id, enabled, nextRun });
    const jobs = [job('a', at(59)), job('b', at(60)), job('c', at(61)), job('d', null), job('e', at(1), false)];
    const due = jobsDue({ running: [], jobs }, 0, 10 * 60_000);
    expect(due.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
  });
});
