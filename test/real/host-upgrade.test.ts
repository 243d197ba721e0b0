import { beforeAll, expect, it } from 'vitest';
import type { UpgradeHostInput } from '../../activities/host-upgrade.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import { activitiesOn } from './machine/host-activities.ts';
import type { Host } from './machine/host.ts';

const kernel = (release: string) => ({ name: `linux-image-${release}`, version: release.replace(/[+-].*/, '') });
const RUNNING = '5.10.0+deb11-amd64';
/** apt spares the two newest by itself, and the one that runs by the kernel's word, which is that of this machine. */
const KERNELS = [RUNNING, '6.1.0-9-amd64', '6.13.0-1-amd64', '6.14.0-1-amd64'].map(kernel);
const STAMP = '/var/lib/caretaker/lists-refreshed';

describeOnRealHosts('the upgrade of a host by the real apt', (world) => {
  let host: Host;
  let runs = 0;
  let version = 2;
  beforeAll(async () => {
    host = await world.boot({
      prepare: `printf '#!/bin/sh\\necho ${RUNNING}\\n' >/usr/local/bin/uname; chmod +x /usr/local/bin/uname\n`,
    });
    await world.repository.publish(
      ...KERNELS,
      { name: 'library6', version: '1' },
      { name: 'tool', version: '1', depends: 'library6' },
      { name: 'service', version: '1', conffiles: { '/etc/service.conf': 'color=red\n' } },
    );
    const kernels = KERNELS.map(({ name }) => name).join(' ');
    await host.sh(`apt-get -q update && apt-get -q -y install tool service ${kernels} && apt-mark auto ${kernels}`);
    await host.sh('echo color=mine >/etc/service.conf');
    await world.repository.publish(
      { name: 'library7', version: '1' },
      { name: 'tool', version: '2', depends: 'library7' },
      { name: 'service', version: '2', conffiles: { '/etc/service.conf': 'color=blue\n' } },
    );
  });

  const upgrade = (input: Partial<UpgradeHostInput> = {}) =>
    activitiesOn(host).upgradeHost({
      host: host.name,
      jobId: `upgrade-${++runs}`,
      listsValidFor: '1 hour',
      cleanUp: true,
      within: '5 minutes',
      ...input,
    });
  const publish = (): Promise<void> =>
    world.repository.publish({ name: 'tool', version: String(++version), depends: 'library7' });

  it('tells what became what, which configuration file was kept, and what was removed because nothing needs it', async () => {
    const { packages, ...rest } = await upgrade();
    expect([...packages].sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'library7', from: null, to: '1' },
      { name: 'service', from: '1', to: '2' },
      { name: 'tool', from: '1', to: '2' },
    ]);
    expect(rest).toEqual({
      keptConffiles: ['/etc/service.conf'],
      removed: expect.arrayContaining(['library6', 'linux-image-6.1.0-9-amd64']) as unknown,
      refreshed: true,
    });
    expect(await host.sh('cat /etc/service.conf /etc/service.conf.dpkg-dist')).toBe('color=mine\ncolor=blue\n');
  });

  it('never removes the kernel that runs', async () => {
    const status = `dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' 'linux-image-*'`;
    expect(await host.sh(status)).toBe(
      [RUNNING, '6.13.0-1-amd64', '6.14.0-1-amd64'].map((release) => `linux-image-${release} installed\n`).join(''),
    );
  });

  it('leaves young lists alone, and fetches them again when none are young enough', async () => {
    await publish();
    expect(await upgrade()).toEqual({ packages: [], keptConffiles: [], removed: [], refreshed: false });
    const packages = [{ name: 'tool', from: '2', to: '3' }];
    expect(await upgrade({ listsValidFor: '0 minutes' })).toEqual({
      packages,
      keptConffiles: [],
      removed: [],
      refreshed: true,
    });
  });

  it('forgets the jobs of months ago, and no others', async () => {
    const old = '/var/lib/caretaker/upgrade-old';
    const young = '/var/lib/caretaker/upgrade-young';
    await host.sh(
      `mkdir ${old} ${young} && echo 0 >${old}/rc && echo 0 >${young}/rc && touch -d '91 days ago' ${old}/rc`,
    );
    await upgrade();
    expect(await host.sh('ls /var/lib/caretaker')).toContain('upgrade-young');
    expect(await host.sh('ls /var/lib/caretaker')).not.toContain('upgrade-old');
  });

  it.each([
    ['they are older than they may be', `echo $(($(date +%s) - 3601)) >${STAMP}`],
    ['their time is in the future', `echo $(($(date +%s) + 600)) >${STAMP}`],
    ['a source has changed since', 'touch /etc/apt/sources.list.d/test.list'],
    ['somebody has removed them', 'rm -r /var/lib/apt/lists/*'],
    ['only their folder looks young', `rm ${STAMP}; touch /var/lib/apt/lists`],
    [
      'only the stamp of apt is young, which one source of many is enough for',
      `rm ${STAMP}; mkdir -p /var/lib/apt/periodic; touch /var/lib/apt/periodic/update-success-stamp`,
    ],
  ])('fetches the lists when %s', async (_, change) => {
    await publish();
    await host.sh(change);
    expect(await upgrade()).toMatchObject({ packages: [{ name: 'tool', to: String(version) }], refreshed: true });
  });
});
