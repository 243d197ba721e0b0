import { describe, expect, it } from 'vitest';
import type { UpgradeHostInput } from '../../activities/host-upgrade.ts';
import type { JobEnd, RemoteJobs } from '../../clients/remote-job/index.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

const LOG = `Reading package lists...
Caretaker: the package lists are refreshed
1 upgraded, 1 newly installed, 1 to remove and 0 not upgraded.
Removing rival (1) ...
Unpacking service (1.1) over (1.0) ...
Unpacking library:amd64 (7) ...
Setting up service (1.1) ...

Configuration file '/etc/service.conf'
 ==> Modified (by you or by a script) since installation.
 ==> Package distributor has shipped an updated version.
 ==> Keeping old config file as default.

Configuration file '/etc/other.conf'
 ==> Using new file as you requested.
Setting up library:amd64 (7) ...
Removing library6:amd64 (6-1) ...
`;

/** A host on which each job ends as told, in turn. */
function aHostWhoseJobsEnd(...ends: (Partial<JobEnd> & { log?: string })[]) {
  const started: { id: string; command: string }[] = [];
  const jobs: Partial<RemoteJobs> = {
    ensureStarted: ({ id, command }) => {
      started.push({ id, command });
      return Promise.resolve('started');
    },
    follow: ({ onChunk }) => {
      const { log = '', ...end } = ends.shift() ?? {};
      onChunk?.(log, log.length);
      return Promise.resolve({ state: 'finished', exitCode: 0, nextOffset: log.length, bootId: 'boot-1', ...end });
    },
  };
  return { started, jobs };
}

const INPUT: UpgradeHostInput = {
  host: 'pihole-1',
  jobId: 'patch-1',
  listsValidFor: '1 hour',
  cleanUp: true,
  within: '1 hour',
};

function upgrade(jobs: Partial<RemoteJobs>, input: Partial<UpgradeHostInput> = {}) {
  const { upgradeHost } = activitiesOver(fakeDeps({ jobs }));
  return activityEnvironment().run(upgradeHost, { ...INPUT, ...input });
}

describe('the upgrade of a host', () => {
  it('tells what was upgraded, kept and removed, and that the lists were refreshed, read from the log', async () => {
    expect(await upgrade(aHostWhoseJobsEnd({ log: LOG }).jobs)).toEqual({
      packages: [
        { name: 'service', from: '1.0', to: '1.1' },
        { name: 'library', from: null, to: '7' },
      ],
      keptConffiles: ['/etc/service.conf'],
      removed: ['rival', 'library6'],
      refreshed: true,
    });
  });

  it('that finds nothing to do and young lists tells that', async () => {
    expect(await upgrade(aHostWhoseJobsEnd({ log: 'Reading package lists...\n' }).jobs)).toEqual({
      packages: [],
      keptConffiles: [],
      removed: [],
      refreshed: false,
    });
  });

  it('that was lost to a reboot tells also what the lost job had done', async () => {
    const cut = LOG.indexOf('Setting up library');
    const { jobs, started } = aHostWhoseJobsEnd(
      { state: 'lost-to-reboot', log: LOG.slice(0, cut) },
      { log: `Setting up library:amd64 (7) ...\n` },
    );
    expect(await upgrade(jobs)).toMatchObject({
      packages: [
        { name: 'service', from: '1.0', to: '1.1' },
        { name: 'library', from: null, to: '7' },
      ],
      keptConffiles: ['/etc/service.conf'],
      refreshed: true,
    });
    expect(started.map(({ id }) => id)).toEqual(['patch-1', 'patch-1-2']);
  });

  it('cleans up only where that is wanted', async () => {
    const { jobs, started } = aHostWhoseJobsEnd({}, {});
    await upgrade(jobs);
    await upgrade(jobs, { cleanUp: false });
    expect(started.map(({ command }) => /--auto-remove|autoclean/.test(command))).toEqual([true, false]);
  });

  it('that fails is a failure for good that names the package and carries the end of the log', async () => {
    const log = `${'x'.repeat(10_000)}\ndpkg: error processing package foo (--configure):\n installed foo script failed\n`;
    await expect(upgrade(aHostWhoseJobsEnd({ exitCode: 100, log }).jobs)).rejects.toMatchObject({
      type: 'UpgradeFailed',
      nonRetryable: true,
      message: expect.stringContaining(
        'the upgrade of pihole-1 ended with exit code 100: foo: installed foo',
      ) as string,
      details: [{ log: log.slice(-4_000) }],
    });
  });
});

describe('making sure that the upgrade of a host is over', () => {
  it('waits for the job of any try that is still at work', async () => {
    let looks = 0;
    const read: RemoteJobs['read'] = ({ id }) => {
      const state = id === 'patch-1-2' && looks++ === 0 ? 'running' : 'absent';
      return Promise.resolve({ state, exitCode: undefined, log: '', nextOffset: 0, logSize: 0, bootId: 'boot-1' });
    };
    const { awaitHostUpgradeOver } = activitiesOver(fakeDeps({ jobs: { read } }));
    const { host, jobId, within } = INPUT;
    await activityEnvironment().run(awaitHostUpgradeOver, { host, jobId, within });
    expect(looks).toBe(2);
  });
});
