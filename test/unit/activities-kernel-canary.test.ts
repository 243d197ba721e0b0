import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndKernelCanaryInput } from '../../activities/kernel-canary.ts';
import { NEW_KERNEL, OLD_KERNEL } from '../helpers/builders.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';
import { hostHere, type HostHere } from '../helpers/jobs-here.ts';

let host: HostHere;
beforeEach(async () => {
  host = await hostHere();
  await host.program(
    'cat',
    `case $1 in /proc/*|/etc/*) exec /bin/cat "$HOST/\${1##*/}" ;; *) exec /bin/cat "$@" ;; esac`,
  );
  await host.program('uname', '/bin/cat "$HOST/kernel"');
  await host.program('proxmox-boot-tool', TOOL);
  await set({ boot_id: 'boot-1', kernel: OLD_KERNEL, 'proxmox-boot-uuids': 'A1B2-C3D4' });
});
afterEach(() => host.close());

/** Pins as proxmox-boot-tool(8) does: into files, of which `default` of the boot loader knows after a refresh. */
const TOOL = `
echo "$*" >>"$HOST/calls"
cd "$HOST"
case "$1 $2" in
  'kernel pin') if [ "$4" = --next-boot ]; then echo "$3" >next-boot-pin; else echo "$3" >proxmox-boot-pin; fi ;;
  'kernel unpin') rm -f next-boot-pin; [ "$3" = --next-boot ] || rm -f proxmox-boot-pin ;;
  'refresh ') [ ! -e says ] || /bin/cat says >&2; [ ! -e fails ] || exit 1
    { /bin/cat next-boot-pin || /bin/cat proxmox-boot-pin || echo newest; } >default 2>/dev/null ;;
esac`;

async function set(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(host.folder, name), `${text}\n`);
}

async function get(name: string): Promise<string | null> {
  const text = await readFile(join(host.folder, name), 'utf8').catch(() => null);
  return text === null ? null : text.trim();
}

async function pins(): Promise<unknown> {
  return [await get('proxmox-boot-pin'), await get('next-boot-pin'), await get('default')];
}

const canary = { node: 'pve1', bootId: 'boot-1', tries: NEW_KERNEL, fallback: OLD_KERNEL, within: '1 minute' } as const;

function arm(activityId = 'arm') {
  const activities = activitiesOver(fakeDeps(host.world));
  return activityEnvironment({ activityId }).run(activities.ensureKernelCanary, canary);
}

function end(changes: Partial<EndKernelCanaryInput> = {}, activityId = 'end') {
  const activities = activitiesOver(fakeDeps(host.world));
  return activityEnvironment({ activityId }).run(activities.endKernelCanary, { ...canary, proven: false, ...changes });
}

const bootInto = (kernel: string) =>
  rm(join(host.folder, 'next-boot-pin')).then(() => set({ boot_id: 'boot-2', kernel, default: OLD_KERNEL }));

describe('the trial of a kernel', () => {
  it('pins the one that runs, the new one for one boot, and tells the boot loader', async () => {
    await arm();
    expect(await pins()).toEqual([OLD_KERNEL, NEW_KERNEL, NEW_KERNEL]);
  });

  it('needs no refresh where GRUB boots without partitions of proxmox-boot-tool', async () => {
    await rm(join(host.folder, 'proxmox-boot-uuids'));
    await arm();
    expect(await get('calls')).toBe(`kernel pin ${OLD_KERNEL}\nkernel pin ${NEW_KERNEL} --next-boot`);
  });

  it('is prepared in the boot that it was meant for, and in no later one', async () => {
    await set({ boot_id: 'boot-2' });
    await arm();
    expect(await get('calls')).toBeNull();
  });

  it.each([['proxmox-boot-pin'], ['next-boot-pin']])('does not touch the pin of somebody else (%s)', async (file) => {
    await set({ [file]: '6.8.12-9-pve' });
    await expect(arm()).rejects.toMatchObject({
      type: 'PlanChanged',
      message: expect.stringContaining('pinned to 6.8.12-9-pve by somebody else') as string,
    });
    expect(await get('calls')).toBeNull();
  });

  it.each([
    ['passes over a partition', { says: 'WARN: /dev/disk/by-uuid/DEAD-BEEF does not exist - skipping' }, 'DEAD-BEEF'],
    ['fails', { fails: '', says: 'No root= parameter in /etc/kernel/cmdline found!' }, 'No root= parameter'],
  ])('fails with its words where the refresh %s', async (_, files, words) => {
    await set(files);
    await expect(arm()).rejects.toMatchObject({
      type: 'RemoteRefused',
      nonRetryable: true,
      message: expect.stringContaining(words) as string,
    });
  });
});

describe('the end of a trial', () => {
  beforeEach(() => arm());

  it('takes both pins back as long as the new kernel was not booted', async () => {
    expect(await end()).toBe('unpinned');
    expect(await pins()).toEqual([null, null, 'newest']);
  });

  it('makes the new kernel the default once it is proven', async () => {
    await bootInto(NEW_KERNEL);
    expect(await end({ proven: true })).toBe('unpinned');
    expect(await pins()).toEqual([null, null, 'newest']);
  });

  it('leaves the pin to the old kernel where the new one runs and is not proven', async () => {
    await bootInto(NEW_KERNEL);
    expect(await end()).toBe('undecided');
    expect(await pins()).toEqual([OLD_KERNEL, null, OLD_KERNEL]);
  });

  it('leaves it where the node is back on the old kernel', async () => {
    await bootInto(OLD_KERNEL);
    expect(await end()).toBe('fallback-stays');
    expect(await pins()).toEqual([OLD_KERNEL, null, OLD_KERNEL]);
  });

  it('takes out a pin for one boot that the cleanup service of the old kernel has left', async () => {
    await set({ boot_id: 'boot-2', kernel: OLD_KERNEL });
    expect(await end()).toBe('fallback-stays');
    expect(await pins()).toEqual([OLD_KERNEL, null, OLD_KERNEL]);
  });

  it('accepts that a person has unpinned the kernel', async () => {
    await bootInto(NEW_KERNEL);
    await rm(join(host.folder, 'proxmox-boot-pin'));
    expect(await end()).toBe('unpinned');
  });

  it('leaves the pin that somebody has put in its place', async () => {
    await bootInto(NEW_KERNEL);
    await set({ 'proxmox-boot-pin': '6.8.12-9-pve' });
    expect(await end({ proven: true })).toBe('pinned-by-others');
    expect(await get('proxmox-boot-pin')).toBe('6.8.12-9-pve');
  });

  it('tells the boot loader at the next try, when the first one has only unpinned', async () => {
    await bootInto(NEW_KERNEL);
    await set({ fails: '' });
    await expect(end({ proven: true }, 'first')).rejects.toMatchObject({ type: 'RemoteRefused' });
    await rm(join(host.folder, 'fails'));
    expect(await end({ proven: true }, 'second')).toBe('unpinned');
    expect(await pins()).toEqual([null, null, 'newest']);
  });
});
