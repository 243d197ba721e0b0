import { describe, expect, it } from 'vitest';
import type { ListedGuest, RebootEvidence } from '../../domain/host.ts';
import { placeHost } from '../../planning/host-place.ts';
import { judgeReboot } from '../../planning/reboot-required.ts';

const QUIET: RebootEvidence = {
  container: false,
  runningKernel: '6.12.38+deb13-amd64',
  installedKernels: { value: ['6.12.38+deb13-amd64'] },
  flag: { value: null },
  needrestart: { value: null },
};

function judge(changes: Partial<RebootEvidence>): readonly [boolean | null, ...string[]] {
  const { needed, because } = judgeReboot({ ...QUIET, ...changes });
  return [needed, ...because];
}

describe('a reboot is needed', () => {
  it('when a package asked for it', () => {
    expect(judge({})).toEqual([false]);
    expect(judge({ flag: { value: ['dbus', 'libc6', 'dbus'] } })).toEqual([true, 'dbus, libc6 asked for it']);
    expect(judge({ flag: { value: [] } })).toEqual([true, '/run/reboot-required asks for it and names no package']);
  });

  it('when a newer kernel of the same flavor is installed, though nothing on stock Debian says so', () => {
    const installed = (...value: string[]): Partial<RebootEvidence> => ({ installedKernels: { value } });
    expect(judge(installed('6.12.9+deb13-amd64', '6.12.41+deb13-amd64', '6.12.38+deb13-amd64'))).toEqual([
      true,
      'the kernel 6.12.41+deb13-amd64 is installed, 6.12.38+deb13-amd64 runs',
    ]);
    expect(judge(installed('6.12.41+deb13-cloud-amd64', '6.12.9+deb13-amd64'))).toEqual([false]);
    expect(judge(installed())).toEqual([false]);
  });

  it('when needrestart calls the kernel outdated', () => {
    expect(judge({ needrestart: { value: 'outdated' } })[0]).toBe(true);
    expect(judge({ needrestart: { value: 'undetermined' } })).toEqual([false]);
  });

  it('never of a container for a kernel', () => {
    const container: Partial<RebootEvidence> = {
      container: true,
      installedKernels: { value: ['6.12.41+deb13-amd64'] },
      needrestart: { value: 'outdated' },
    };
    expect(judge(container)).toEqual([false]);
    expect(judge({ ...container, flag: { value: ['linux-image-6.12.41+deb13-amd64', 'intel-microcode'] } })).toEqual([
      false,
    ]);
    expect(judge({ ...container, flag: { value: ['linux-base', 'libc6'] } })).toEqual([true, 'libc6 asked for it']);
    expect(judge({ ...container, installedKernels: { unknown: 'no dpkg' } })).toEqual([false]);
  });

  it('or not, nobody knows, when something could not be read and nothing asks for it', () => {
    expect(judge({ flag: { unknown: 'exit code 13' } })).toEqual([null, 'exit code 13']);
    expect(judge({ flag: { unknown: 'exit code 13' }, needrestart: { value: 'outdated' } })[0]).toBe(true);
  });
});

describe('a host of the inventory', () => {
  const guest: ListedGuest = {
    vmid: 192,
    kind: 'lxc',
    name: 'pihole-1.home.example',
    node: 'pve1',
    status: 'running',
    template: false,
  };
  const host = { name: 'pihole-1', vmid: 192, kind: 'lxc' as const };
  const mismatches = (changes: object, guests = [guest], answers = true): readonly string[] =>
    placeHost({ ...host, ...changes }, { value: guests }, answers).mismatches;

  it('is the guest of its vmid', () => {
    expect(placeHost(host, { value: [guest] }, true)).toEqual({ guest, mismatches: [] });
    expect(placeHost({ ...host, vmid: null }, { unknown: 'no answer' }, true)).toEqual({ guest: null, mismatches: [] });
  });

  it('is not taken for another guest, whatever differs', () => {
    expect(mismatches({ vmid: 193 })).toEqual(['there is no guest 193 in the cluster']);
    expect(mismatches({ name: 'traefik' })).toEqual(['Proxmox calls 192 pihole-1.home.example']);
    expect(mismatches({ kind: 'qemu' })).toEqual(['192 is a container, the inventory says virtual machine']);
    expect(mismatches({}, [{ ...guest, status: 'stopped' }])).toEqual([
      'Proxmox calls 192 stopped, yet the host answers',
    ]);
    expect(mismatches({}, [{ ...guest, status: 'stopped' }], false)).toEqual([]);
  });

  it('does not count as right when Proxmox cannot be asked', () => {
    expect(placeHost(host, { unknown: 'no answer' }, true).mismatches).toEqual([
      '192 could not be looked up in Proxmox: no answer',
    ]);
  });
});
