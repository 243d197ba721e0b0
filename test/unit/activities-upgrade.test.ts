import { describe, expect, it } from 'vitest';
import { RemoteJobError, type JobEnd, type RemoteJobs } from '../../clients/remote-job/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import { activitiesOver, activityEnvironment, clientError, fakeDeps } from '../helpers/fake-deps.ts';

const APT_LOG = `1 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Unpacking pve-manager (9.0.4) over (9.0.3) ...
Unpacking proxmox-kernel-6.14.11-1-pve-signed (6.14.11-1) ...
Setting up pve-manager (9.0.4) ...
Setting up proxmox-kernel-6.14.11-1-pve-signed (6.14.11-1) ...
`;

/** A node on which each job that is started or found ends as told, in turn. */
function aNodeWhoseJobsEnd(...ends: (Partial<JobEnd> & { log?: string })[]) {
  const started: { id: string; command: string; timeoutSeconds: number }[] = [];
  const jobs: Partial<RemoteJobs> = {
    ensureStarted: ({ id, command, timeoutSeconds }) => {
      started.push({ id, command, timeoutSeconds });
      return Promise.resolve('started');
    },
    follow: ({ onChunk, fromOffset }) => {
      const { log = '', ...end } = ends.shift() ?? {};
      onChunk?.(log.slice(fromOffset), log.length);
      return Promise.resolve({ state: 'finished', exitCode: 0, nextOffset: log.length, bootId: 'boot-1', ...end });
    },
  };
  return { started, jobs };
}

function upgrade(jobs: Partial<RemoteJobs>, onHeartbeat: (details: unknown) => void = () => undefined) {
  const { upgradeNode } = activitiesOver(fakeDeps({ jobs }));
  const environment = activityEnvironment();
  environment.onHeartbeat(onHeartbeat);
  return environment.run(upgradeNode, { node: 'pve1', jobId: 'upgrade-1', within: '2 hours' });
}

describe('the upgrade of a node', () => {
  it('returns what was upgraded and what is new, read from the log', async () => {
    const { jobs } = aNodeWhoseJobsEnd({ log: APT_LOG });
    expect(await upgrade(jobs)).toEqual({
      packages: [
        { name: 'pve-manager', from: '9.0.3', to: '9.0.4' },
        { name: 'proxmox-kernel-6.14.11-1-pve-signed', from: null, to: '6.14.11-1' },
      ],
    });
  });

  it('runs under the name it was given, for no longer than it was given', async () => {
    const { started, jobs } = aNodeWhoseJobsEnd({});
    await upgrade(jobs);
    expect(started).toMatchObject([{ id: 'upgrade-1', timeoutSeconds: 7_200 }]);
  });

  it('answers questions about configuration files by keeping them, and mends an interrupted dpkg first', async () => {
    const { started, jobs } = aNodeWhoseJobsEnd({});
    await upgrade(jobs);
    const command = started[0]?.command ?? '';
    expect(command).toContain('--force-confdef');
    expect(command).toContain('--force-confold');
    expect(command.indexOf('\nconfigure_what_is_left')).toBeLessThan(
      command.indexOf('\npatiently apt_get dist-upgrade'),
    );
  });

  it('that is found finished is not started under another name, and its result is returned', async () => {
    const { started, jobs } = aNodeWhoseJobsEnd({ log: APT_LOG });
    jobs.ensureStarted = ({ id, command, timeoutSeconds }) => {
      started.push({ id, command, timeoutSeconds });
      return Promise.resolve('finished');
    };
    expect((await upgrade(jobs)).packages).toHaveLength(2);
    expect(started.map((job) => job.id)).toEqual(['upgrade-1']);
  });

  it('that a worker of another version has started with its own script is followed, and not started again', async () => {
    const { jobs } = aNodeWhoseJobsEnd({ log: APT_LOG });
    jobs.ensureStarted = () => Promise.reject(new RemoteJobError('RemoteJobConflict', 'another command'));
    expect((await upgrade(jobs)).packages).toHaveLength(2);
    jobs.ensureStarted = () => Promise.reject(new RemoteJobError('RemoteJobHost', 'no space left'));
    await expect(upgrade(jobs)).rejects.toMatchObject({ type: 'RemoteRefused' });
  });

  it('that was lost to a reboot is started anew under a new name', async () => {
    const { started, jobs } = aNodeWhoseJobsEnd({ state: 'lost-to-reboot' }, { log: APT_LOG });
    expect((await upgrade(jobs)).packages).toHaveLength(2);
    expect(started.map((job) => job.id)).toEqual(['upgrade-1', 'upgrade-1-2']);
  });

  it('that is lost to one reboot after the other needs a person', async () => {
    const lost = { state: 'lost-to-reboot' } as const;
    const { started, jobs } = aNodeWhoseJobsEnd(lost, lost, lost, lost);
    await expect(upgrade(jobs)).rejects.toMatchObject({
      type: 'UpgradeFailed',
      message: 'pve1 rebooted 3 times under its upgrade. Find out why before trying again.',
    });
    expect(started).toHaveLength(3);
  });

  it.each([
    ['is lost', clientError('unknown', 'the connection was lost')],
    ['is refused while pve-cluster restarts', new SshError('SshAuthentication', 'refused', 'root@pve1', 'no key')],
  ])('is followed on after its connection %s, however long it has run', async (_, broken) => {
    const { started, jobs } = aNodeWhoseJobsEnd({ log: APT_LOG });
    const { follow } = jobs;
    let connections = 0;
    jobs.follow = (options) => (++connections < 4 ? Promise.reject(broken) : follow!(options));
    const { upgradeNode } = activitiesOver(fakeDeps({ jobs }));
    const anHourAgo = { scheduledTimestampMs: Date.now() - 3_600_000 };
    const input = { node: 'pve1', jobId: 'upgrade-1', within: '2 hours' } as const;
    expect((await activityEnvironment(anHourAgo).run(upgradeNode, input)).packages).toHaveLength(2);
    expect(new Set(started.map((job) => job.id))).toEqual(new Set(['upgrade-1']));
  });

  it('ends at once when the host key is not the known one', async () => {
    const { jobs } = aNodeWhoseJobsEnd({});
    jobs.follow = () => Promise.reject(new SshError('SshHostKeyChanged', 'refused', 'root@pve1', 'it has changed'));
    await expect(upgrade(jobs)).rejects.toMatchObject({ type: 'RemoteRefused', nonRetryable: true });
  });

  it('is launched again when its job had not begun', async () => {
    const { started, jobs } = aNodeWhoseJobsEnd({ state: 'absent', exitCode: undefined }, { log: APT_LOG });
    expect((await upgrade(jobs)).packages).toHaveLength(2);
    expect(started.map((job) => job.id)).toEqual(['upgrade-1', 'upgrade-1']);
  });

  it('that fails says the line that says why, what to do, and carries the end of the log', async () => {
    const log = `${'x'.repeat(10_000)}\ndpkg: error processing package foo (--configure):\n installed foo script failed\n`;
    const { jobs } = aNodeWhoseJobsEnd({ exitCode: 100, log });
    await expect(upgrade(jobs)).rejects.toMatchObject({
      type: 'UpgradeFailed',
      nonRetryable: true,
      message:
        'the upgrade of pve1 ended with exit code 100: foo: installed foo script failed. ' +
        'Mend it on pve1 (dpkg --configure -a; apt-get dist-upgrade), then start again.',
      details: [{ log: log.slice(-4_000) }],
    });
  });

  it('that was killed is a failure, not a success without packages', async () => {
    const { jobs } = aNodeWhoseJobsEnd({ state: 'killed', exitCode: undefined });
    await expect(upgrade(jobs)).rejects.toMatchObject({
      message: expect.stringContaining('was killed: it printed nothing') as string,
    });
  });

  it('tells how far it is in its heartbeats', async () => {
    const heartbeats: unknown[] = [];
    const { jobs } = aNodeWhoseJobsEnd({ log: APT_LOG });
    await upgrade(jobs, (details) => heartbeats.push(details));
    expect(heartbeats).toContainEqual({ waitingFor: '2 of 2 packages, proxmox-kernel-6.14.11-1-pve-signed' });
  });
});

describe('making sure that an upgrade is over', () => {
  it('waits for the job of any try that is still at work, and looks at all of them', async () => {
    const asked: string[] = [];
    let looks = 0;
    const read: RemoteJobs['read'] = ({ id }) => {
      asked.push(id);
      const state = id === 'upgrade-1-2' && looks++ === 0 ? 'running' : 'absent';
      return Promise.resolve({ state, exitCode: undefined, log: '', nextOffset: 0, logSize: 0, bootId: 'boot-1' });
    };
    const { awaitUpgradeOver } = activitiesOver(fakeDeps({ jobs: { read } }));
    const input = { node: 'pve1', jobId: 'upgrade-1', within: '2 hours' } as const;
    await activityEnvironment().run(awaitUpgradeOver, input);
    expect(asked).toEqual(['upgrade-1', 'upgrade-1-2', 'upgrade-1', 'upgrade-1-2', 'upgrade-1-3']);
  });
});
