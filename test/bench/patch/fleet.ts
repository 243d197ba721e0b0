import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bootHost, type Host } from '../../real/machine/host.ts';
import type { PackageSpec } from '../../real/machine/packages.ts';
import { createRepository, type Index } from '../../real/machine/repository.ts';
import type { Site } from '../../real/machine/site.ts';

/** Bytes that do not compress, as in most packages. */
const payload = (seed: number, bytes: number): string => {
  let state = seed;
  const letters = Array.from({ length: bytes }, () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return String.fromCharCode(33 + (state % 90));
  });
  return letters.join('');
};

const NAMES = Array.from({ length: 6 }, (_, index) => `program-${index + 1}`);
const COUNT = 'echo "$DPKG_MAINTSCRIPT_PACKAGE $2" >>/var/lib/configured';

function programs(version: '1' | '2'): PackageSpec[] {
  return NAMES.map((name, index) => ({
    name,
    version,
    files: { [`/usr/share/${name}/data`]: payload(index + Number(version), 230_000) },
    postinst: COUNT,
    ...(name === 'program-1' ? { depends: version === '1' ? 'library-old' : 'library-new' } : {}),
    ...(name === 'program-2' ? { conffiles: { '/etc/program-2.conf': `version=${version}\n` } } : {}),
    ...(name === 'program-3' && version === '2'
      ? { postinst: `${COUNT}; echo required >/run/reboot-required; echo program-3 >>/run/reboot-required.pkgs` }
      : {}),
  }));
}

/** Hosts with the same work to do: six upgrades, a new dependency, one that nothing needs, a kept configuration file. */
export interface Fleet {
  readonly hosts: readonly (Host & { readonly address: string; readonly keyFile: string })[];
  readonly knownHosts: string;
  /** Throws if the work was not done, or not once, on a host. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly size: number;
  readonly debian: string;
  /** Indexes of a whole distribution, which differ. */
  readonly lastWeek: Index;
  readonly today: Index;
  /** Where keys are put. */
  readonly folder: string;
}

export async function createFleet(site: Site, options: FleetOptions): Promise<Fleet> {
  const { size, debian, lastWeek, today, folder } = options;
  const repository = await createRepository(site);
  await repository.publish(...programs('1'), { name: 'library-old', version: '1' });
  const numbers = Array.from({ length: size }, (_, position) => 11 + position);
  const booted = await Promise.all(
    numbers.map((number) => bootHost(site, { name: `host${number}`, number, debian, prepare: repository.use })),
  );
  const onAll = (line: string): Promise<unknown> => Promise.all(booted.map((host) => host.sh(line)));
  repository.serveIndex(lastWeek);
  await onAll(`${repository.useIndex} apt-get -q update && apt-get -q -y install ${NAMES.join(' ')}
    echo mine >>/etc/program-2.conf`);
  await repository.publish(...programs('2'), { name: 'library-new', version: '1' });
  repository.serveIndex(today);
  // As a host that nobody has touched for a week, whatever tells a tool how old its lists are.
  await onAll(`apt-get clean; rm /var/lib/configured; touch -d '1 week ago' /var/lib/apt/lists; sync`);
  const hosts = await Promise.all(
    booted.map(async (host, position) => {
      const keyFile = join(folder, `${host.name}.key`);
      await writeFile(keyFile, host.clientKey.privateKey, { mode: 0o600 });
      return { ...host, address: `198.18.0.${numbers[position]}`, keyFile };
    }),
  );
  const knownHosts = join(folder, 'known_hosts');
  await writeFile(knownHosts, hosts.map(({ address, hostKey }) => `${address} ${hostKey.line}\n`).join(''));
  await delay(3_000);
  return {
    hosts,
    knownHosts,
    async check() {
      for (const host of hosts) {
        const query = `dpkg-query -W -f '\${Package} \${Version} \${db:Status-Status}\\n' 'program-*' 'library-*' | sort`;
        const expected = ['library-new 1', ...NAMES.map((name) => `${name} 2`)].map((line) => `${line} installed\n`);
        const found = await host.sh(`${query} | grep -v not-installed`);
        const configured = await host.sh(
          'sort /var/lib/configured; cat /etc/program-2.conf; cat /run/reboot-required.pkgs',
        );
        const wanted = `${NAMES.map((name) => `${name} 1\n`).join('')}version=1\nmine\nprogram-3\n`;
        if (found !== expected.join('') || configured !== wanted) {
          throw new Error(`The work was not done on ${host.name}:\n${found}\n${configured}`);
        }
      }
    },
    close: () => repository.close(),
  };
}
