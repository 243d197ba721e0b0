import { afterEach, beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import { activitiesOn } from './machine/host-activities.ts';
import type { Host } from './machine/host.ts';
import { upgrade } from './machine/upgrade.ts';

const GONE = '/etc/apt/sources.list.d/gone.list';
const addSource = (address: string): string => `echo 'deb [trusted=yes] http://${address}/ ./' >${GONE}`;

/** As apt was before 2.1.15: it warns, ends with 0 and works on with the lists that it has. */
const OLD_APT = `#!/bin/sh
for word; do
  shift
  case $word in APT::Update::Error-Mode=*) word=Not::Known=yet ;; esac
  set -- "$@" "$word"
done
exec /usr/bin/apt-get "$@"
`;

describeOnRealHosts('a repository that is out of reach', (world) => {
  let host: Host;
  let runs = 0;
  beforeAll(async () => {
    host = await world.boot({ prepare: `echo 'Acquire::Retries "0";' >/etc/apt/apt.conf.d/90no-retries\n` });
    await world.repository.publish({ name: 'tool', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool');
    await world.repository.publish({ name: 'tool', version: '2' });
  });
  afterEach(() => host.sh('rm -f /usr/local/bin/apt-get'));

  const upgradeHost = () =>
    activitiesOn(host).upgradeHost({
      host: host.name,
      jobId: `run-${++runs}`,
      listsValidFor: '1 hour',
      cleanUp: true,
      within: '5 minutes',
    });

  it.each([
    ['whose name cannot be resolved', 'gone.invalid'],
    ['that takes no connections', '127.0.0.1:81'],
  ])('%s fails the upgrade although the others answer: nothing to do is said of no old lists', async (_, address) => {
    await host.sh(addSource(address));
    await expect(upgradeHost()).rejects.toMatchObject({
      type: 'UpgradeFailed',
      message: expect.stringContaining(`E: Failed to fetch http://${address}/./InRelease`) as string,
    });
    expect(await host.sh("dpkg-query -W -f '${Version}' tool")).toBe('1');
  });

  it('fails the upgrade also where apt only warns, that of a node as well', async () => {
    await host.sh(
      `${addSource('127.0.0.1:81')}; cat >/usr/local/bin/apt-get <<'EOT'\n${OLD_APT}EOT\nchmod +x /usr/local/bin/apt-get`,
    );
    expect(await host.sh('apt-get -q update -o APT::Update::Error-Mode=any 2>&1')).toContain('W: Failed to fetch');
    await expect(upgradeHost()).rejects.toThrow('E: Failed to fetch http://127.0.0.1:81/./InRelease');
    await expect(upgrade(host, 'node')).rejects.toThrow('E: Failed to fetch http://127.0.0.1:81/./InRelease');
  });

  it('is no matter to the next upgrade once it is mended, which takes the lists for no younger than they are', async () => {
    await host.sh(`rm ${GONE}`);
    expect(await upgradeHost()).toMatchObject({ packages: [{ name: 'tool', to: '2' }], refreshed: true });
  });
});
