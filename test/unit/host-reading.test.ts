import { describe, expect, it } from 'vitest';
import { parseHost, readHost } from '../../activities/host.ts';
import { renderHosts, type HostEntry } from '../../scripts/cli/render/hosts.ts';

/** Parts as the shell prints them: name, exit code, text. */
function output(parts: Readonly<Record<string, readonly [code: number, text: string]>>, end = '=end\n'): string {
  const texts = Object.entries({ ...UBUNTU, ...parts }).map(
    ([name, [code, text]]) => `=${name}\n${text}\n=rc ${code}\n`,
  );
  return `1764000000\n${texts.join('')}${end}`;
}

const ABSENT = [1, 'cat: /run/reboot-required: No such file or directory\n'] as const;
const UBUNTU = {
  boot: [0, '6b1b5a5e-0001/2453918\n'],
  system: [0, 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n'],
  container: ABSENT,
  kernel: [0, '6.8.0-45-generic\n'],
  kernels: [
    0,
    'linux-image-6.8.0-41-generic config-files\nlinux-image-6.8.0-45-generic installed\nlinux-image-generic installed\n' +
      'linux-image-unsigned-6.8.0-48-generic installed\nlinux-image-6.8.0-45-generic-dbg installed\n',
  ],
  flag: [0, '*** System restart required ***\n'],
  packages: [0, 'linux-image-6.8.0-48-generic\nlinux-base\nlinux-base\n'],
  needrestart: [0, 'NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.8.0-45-generic\nNEEDRESTART-KSTA: 3\n'],
  lists: [0, '1763992800\n1763982800\n'],
  installed: [0, '3b1f  -\n'],
  containers: [
    0,
    'unless-stopped /frigate\nalways /home-assistant\nno /one-off\nalways /web.1.0123456789abcdefghijklmno\n',
  ],
  pending: [
    0,
    'Reading package lists...\nInst libc6 [2.39-0ubuntu8.3] (2.39-0ubuntu8.4 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64]) []\n' +
      'Inst linux-modules-6.8.0-48-generic (6.8.0-48.48 Ubuntu:24.04/noble-updates [amd64])\n' +
      'Remv old [1.0]\nConf libc6 (2.39-0ubuntu8.4 Ubuntu:24.04/noble-updates [amd64])\n',
  ],
} as const;

describe('what a host says of itself', () => {
  it('is read from the lines of its programs', () => {
    expect(parseHost(output({}))).toEqual({
      boot: { value: '6b1b5a5e-0001/2453918' },
      system: 'Ubuntu 24.04.1 LTS',
      pending: {
        value: [
          { name: 'libc6', from: '2.39-0ubuntu8.3', to: '2.39-0ubuntu8.4', security: true },
          { name: 'linux-modules-6.8.0-48-generic', from: null, to: '6.8.0-48.48', security: false },
        ],
      },
      listsAge: { value: 7_200 },
      packages: { value: '3b1f  -' },
      containers: { value: ['frigate', 'home-assistant'] },
      reboot: {
        container: false,
        runningKernel: '6.8.0-45-generic',
        installedKernels: { value: ['6.8.0-45-generic', '6.8.0-48-generic'] },
        flag: { value: ['linux-image-6.8.0-48-generic', 'linux-base', 'linux-base'] },
        needrestart: { value: 'outdated' },
      },
    });
  });

  it('is nothing where there is nothing: no flag, no kernel of its own, no needrestart, no Docker', () => {
    const { reboot, containers } = parseHost(
      output({
        container: [0, 'lxc\n'],
        kernels: [1, 'dpkg-query: no packages found matching linux-image-*\n'],
        flag: ABSENT,
        packages: ABSENT,
        needrestart: [127, 'sh: 1: needrestart: not found\n'],
        containers: [127, ''],
      }),
    );
    expect(containers).toEqual({ value: null });
    expect(reboot).toMatchObject({
      container: true,
      installedKernels: { value: [] },
      flag: { value: null },
      needrestart: { value: null },
    });
  });

  it('is unknown where a program fails', () => {
    const reading = parseHost(
      output({
        flag: [1, 'cat: /run/reboot-required: Permission denied\n'],
        lists: [1, "stat: cannot statx '/var/lib/apt/lists': No such file or directory\n"],
        needrestart: [1, 'ERROR: This program needs to be run as root\n'],
        pending: [100, 'E: Unmet dependencies.\n'],
        containers: [1, 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n'],
      }),
    );
    expect(reading.pending).toEqual({ unknown: 'exit code 100: E: Unmet dependencies.' });
    expect(reading.listsAge).toHaveProperty('unknown');
    expect(reading.containers).toHaveProperty('unknown');
    expect(reading.reboot).toMatchObject({
      flag: { unknown: 'exit code 1: cat: /run/reboot-required: Permission denied' },
      needrestart: { unknown: 'needrestart: exit code 1: ERROR: This program needs to be run as root' },
    });
  });

  it('does not count when it breaks off', async () => {
    const result = { code: 0, signal: undefined, stdout: output({}, ''), stderr: '', truncated: false };
    const reading = readHost(
      { exec: () => Promise.resolve(result) },
      { stateDirectory: '~/jobs', updates: true, timeoutMs: 1_000 },
    );
    await expect(reading).rejects.toThrow('The host broke off in its answer');
  });
});

describe('the table of hosts', () => {
  const guest = { vmid: 192, kind: 'lxc', name: 'pihole-1', node: 'pve1', status: 'running', template: false } as const;
  const well: HostEntry = {
    name: 'pihole-1',
    address: '10.0.0.2',
    groups: [],
    guest,
    state: 'reached',
    why: null,
    mismatches: [],
    system: 'Debian',
    pending: { value: [] },
    listsAge: { value: 59 * 60 },
    reboot: { needed: false, because: [] },
    lastPatched: { value: null },
  };
  const nothing = { system: null, pending: null, listsAge: null, reboot: null };

  it('has a line for each, and the reasons', () => {
    const update = { name: 'libc6', from: '1', to: '2', security: true };
    const text = renderHosts(
      [
        well,
        {
          ...well,
          name: 'plex-vm',
          guest: { ...guest, vmid: 210, kind: 'qemu' },
          pending: { value: [update, { ...update, security: false }] },
          listsAge: { value: 3 * 86_400 },
          reboot: { needed: true, because: ['libc6 asked for it'] },
          lastPatched: { value: { at: '2026-11-22T02:10:00.000Z', outcome: 'patched' } },
        },
        { ...well, ...nothing, name: 'pi', guest: null, state: 'exempt', why: 'updated by hand' },
        {
          ...well,
          ...nothing,
          name: 'nas',
          guest: null,
          state: 'unreachable',
          why: 'no answer',
          lastPatched: { unknown: 'Temporal does not answer' },
        },
        { ...well, name: 'odd', mismatches: ['there is no guest 7 in the cluster'], pending: { unknown: 'E: broken' } },
      ],
      { width: 100 },
    );
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      'Host      Guest           State          Updates         Lists       Reboot  Patched',
      'pihole-1  CT 192 on pve1  ✔ reached      0               59 min old  no      –',
      'plex-vm   VM 210 on pve1  ✔ reached      2 (1 security)  3 days old  needed  2026-11-22',
      'pi        –               – exempt       –               –           –       –',
      'nas       –               ✘ unreachable  –               –           –       ?',
      'odd       CT 192 on pve1  ! reached      ?               59 min old  no      –',
      '',
      'plex-vm: libc6 asked for it.',
      'pi: Updated by hand.',
      'nas: No answer.',
      'odd: There is no guest 7 in the cluster. Its updates are not known: E: broken.',
      '',
      'When they were patched last is not known: Temporal does not answer.',
    ]);
  });
});
