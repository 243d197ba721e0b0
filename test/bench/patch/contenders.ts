import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../../scripts/temporal/cache.ts';
import { run } from '../../real/machine/run.ts';
import type { Site } from '../../real/machine/site.ts';
import type { Fleet } from './fleet.ts';
import type { Meter, Usage } from './meter.ts';

export interface Contest {
  readonly site: Site;
  readonly fleet: Fleet;
  readonly meter: Meter;
  readonly folder: string;
}

export interface Result extends Usage {
  readonly seconds: number;
  /** Of a server that the contender needs beside itself. */
  readonly server?: Usage;
}

export interface Contender {
  readonly name: string;
  run(contest: Contest): Promise<Result>;
}

/** The same for all: what the administrator has changed stays. */
const APT =
  'DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

/** OpenSSH side by side, one command a host and nobody who looks: less cannot do the work. */
export const bare: Contender = {
  name: 'bare ssh',
  run: (contest) => {
    const { fleet } = contest;
    const work = `${APT} update && ${APT} --auto-remove dist-upgrade && ${APT} autoclean && ls /run/reboot-required`;
    const lines = fleet.hosts.map(({ address, keyFile }) => {
      const options = `-i ${keyFile} -o UserKnownHostsFile=${fleet.knownHosts} -o IdentitiesOnly=yes -o BatchMode=yes`;
      return `ssh ${options} root@${address} '${work}' & pids="$pids $!"`;
    });
    return timed(contest, ['sh', '-c', `${lines.join('\n')}\nfor pid in $pids; do wait $pid || exit 1; done`], 'bare');
  },
};

const ANSIBLE_VERSION = '2.19.14';

/** Ansible as its documentation would have it quick: pipelining, a fork for each host, and no facts that nobody needs. */
export const ansible: Contender = {
  name: 'Ansible',
  async run(contest) {
    const { fleet, folder } = contest;
    const python = await ensureAnsible();
    const file = (path: string, text: string): Promise<void> => writeFile(join(folder, path), text);
    const variables = 'ansible_user=root ansible_python_interpreter=/usr/bin/python3';
    const lines = fleet.hosts.map(
      ({ address, keyFile }) => `${address} ${variables} ansible_ssh_private_key_file=${keyFile}\n`,
    );
    await file('inventory', lines.join(''));
    const ssh = `-C -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${fleet.knownHosts}`;
    await file(
      'ansible.cfg',
      `[defaults]\nforks = ${fleet.hosts.length}\nlocal_tmp = ${folder}/tmp\n` +
        `[ssh_connection]\npipelining = True\ncontrol_path_dir = ${folder}/cp\nssh_args = ${ssh}\n`,
    );
    await file('playbook.yml', PLAYBOOK);
    const argv = ['-m', 'ansible', 'playbook', '-i', join(folder, 'inventory'), join(folder, 'playbook.yml')];
    return timed(contest, ['env', `ANSIBLE_CONFIG=${folder}/ansible.cfg`, python, ...argv], 'ansible');
  },
};

const PLAYBOOK = `- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.apt: { update_cache: true, cache_valid_time: 3600 }
    - ansible.builtin.apt: { upgrade: dist, autoremove: true }
    - ansible.builtin.apt: { autoclean: true }
    - ansible.builtin.stat: { path: /run/reboot-required }
`;

/** Ansible from PyPI in an environment of its own, made once. */
async function ensureAnsible(): Promise<string> {
  const folder = join(cacheDirectory(process.env, process.platform, 'real'), `ansible-core-${ANSIBLE_VERSION}`);
  const python = join(folder, 'bin', 'python');
  const made = join(folder, 'made');
  if (existsSync(made)) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  process.stderr.write(`Installing ansible-core ${ANSIBLE_VERSION} from PyPI for the benchmark, once.\n`);
  await run(['python3', '-m', 'venv', folder]);
  await run([python, '-m', 'pip', 'install', '--quiet', `ansible-core==${ANSIBLE_VERSION}`]);
  await writeFile(made, '');
  return python;
}

/** Runs a program to its end in a control group of its own; what processes of other groups do meanwhile counts as well. */
export async function timed(
  { site, meter }: Contest,
  argv: readonly string[],
  group: string,
  others: readonly string[] = [],
): Promise<Result> {
  const measured = meter.begin(group, ...others);
  const from = performance.now();
  const child = site.spawn(argv, group);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - from) / 1_000;
  const usage = measured.end();
  if (code !== 0) throw new Error(`${argv.join(' ').slice(0, 200)} ended with ${code}:\n${text.slice(-4_000)}`);
  return { seconds, ...usage };
}
