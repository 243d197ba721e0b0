import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containerSpec, smallSite, vmSpec } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import type { WorkerProcess } from '../../scripts/lib/worker-process.ts';
import { patchHost, reportOf, startPatch } from '../helpers/patches.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { nextEvent } from '../helpers/rolls.ts';

const OLD_CURL = '8.14.1-2';
const NEW_CURL = '8.14.1-2+deb13u1';
const CURL = { name: 'curl', installed: OLD_CURL, candidate: NEW_CURL };
const NEW_KERNEL = '6.12.41+deb13-amd64';

const VMIDS = {
  plain: 110,
  probed: 111,
  locked: 112,
  broken: 113,
  'broken-and-back': 114,
  orphaned: 115,
  kernel: 210,
  gone: 211,
} as const;
type Name = keyof typeof VMIDS;

let roll: RollLab;
let worker: WorkerProcess;
beforeAll(async () => {
  const guests = Object.entries(VMIDS).map(([name, vmid]) =>
    vmid < 200 ? containerSpec(vmid, name, 'pve1') : vmSpec(vmid, name, 'pve2', { memory: 2 ** 30 }),
  );
  roll = await rollLab({
    site: smallSite({ overrides: { guests, replication: [] } }),
    patching: {
      hosts: {
        probed: {
          snapshot: 'before',
          settle: '0 seconds',
          probes: [
            {
              name: 'old curl',
              kind: 'command',
              command: `dpkg-query -W -f '\${Version}' curl | grep -qx ${OLD_CURL}`,
            },
          ],
        },
        broken: { snapshot: 'before' },
        'broken-and-back': { snapshot: 'before', rollBack: 'when-failed' },
        gone: { snapshot: 'before', timeouts: { reboot: '10 seconds' } },
      },
    },
  });
  worker = await roll.startWorker();
});
afterAll(() => roll.close());

const machine = (name: Name) => roll.lab.guest(VMIDS[name]).machine;
const versionOf = (name: Name, wanted: string) =>
  machine(name).installedPackages.find((each) => each.name === wanted)?.installed;
const upgradesOf = (name: Name) =>
  roll.lab.log.of('upgrade.start').filter(({ subject }) => subject.endsWith(`/${VMIDS[name]}`)).length;

describe('a guest that is patched', () => {
  it('is upgraded once, and rebooted after an announced pause when it is a VM with a new kernel', async () => {
    const { bootId } = machine('kernel');
    const report = await patchHost(roll, 'kernel');
    expect(report).toMatchObject({ outcome: 'patched', rebootPending: [], warnings: [], snapshot: null });
    expect(report.packages).toContainEqual({ name: 'curl', from: OLD_CURL, to: NEW_CURL });
    expect(report.reboot?.because.join()).toContain(`the kernel ${NEW_KERNEL} is installed`);
    expect(report.reboot?.downSeconds).toEqual(expect.any(Number));
    expect(machine('kernel').bootId).not.toBe(bootId);
    expect(machine('kernel').runningKernel).toBe(NEW_KERNEL);
    expect(upgradesOf('kernel')).toBe(1);
    const subjects = () => roll.lab.mail.messages.map(({ subject }) => subject);
    await expect.poll(subjects).toEqual([expect.stringMatching(/^kernel reboots at .* unless you stop it$/)]);
  });

  it('keeps its boot when it is a container, and a second run finds nothing to do', async () => {
    const { bootedAt } = machine('plain');
    expect(await patchHost(roll, 'plain')).toMatchObject({ outcome: 'patched', reboot: null, rebootPending: [] });
    expect(versionOf('plain', 'curl')).toBe(NEW_CURL);
    expect(machine('plain').bootedAt).toBe(bootedAt);
    expect(await patchHost(roll, 'plain')).toMatchObject({ outcome: 'unchanged', packages: [] });
  });

  it('is upgraded once though its worker dies in the middle', async () => {
    const upgrading = nextEvent(roll, ({ action, subject }) => action === 'upgrade.start' && subject === 'lxc/115');
    const handle = await startPatch(roll, 'orphaned');
    await upgrading;
    await worker.end('SIGKILL');
    worker = await roll.startWorker();
    const report = await reportOf(handle.result());
    expect(report.outcome).toBe('patched');
    expect(report.packages.map(({ name }) => name)).toContain('curl');
    expect(upgradesOf('orphaned')).toBe(1);
  });
});

describe('a guest with trouble', () => {
  it('is taken back to its snapshot, as it was, when a probe fails that was well before', async () => {
    const report = await patchHost(roll, 'probed');
    expect(report).toMatchObject({ outcome: 'rolled-back' });
    expect(report.reason).toContain('"old curl" fails (the command ended with 1');
    expect(versionOf('probed', 'curl')).toBe(OLD_CURL);
    expect(machine('probed').power).toBe('on');
    expect([...roll.lab.guest(VMIDS.probed).snapshots.keys()]).toEqual([report.snapshot?.name]);
  });

  it('waits for the package lock of another, and keeps configuration files as they are', async () => {
    machine('locked').publish([{ ...CURL, conffile: true }]);
    machine('locked').holdDpkgLock(60_000);
    const report = await patchHost(roll, 'locked');
    expect(report).toMatchObject({ outcome: 'patched', keptConffiles: ['/etc/curl/curl.conf'] });
    expect(versionOf('locked', 'curl')).toBe(NEW_CURL);
  });

  it('that fails in a postinst is told with package and reason, and its snapshot is left as the way back', async () => {
    machine('broken').publish([{ ...CURL, postinst: { fail: true } }]);
    const report = await patchHost(roll, 'broken');
    expect(report).toMatchObject({ outcome: 'failed', snapshot: { until: null } });
    expect(report.reason).toContain('curl: installed curl package post-installation script subprocess returned error');
    expect(roll.lab.guest(VMIDS.broken).snapshots.size).toBe(1);
  });

  it('goes back to its snapshot after such a failure where the policy wants that', async () => {
    machine('broken-and-back').publish([{ ...CURL, postinst: { fail: true } }]);
    expect((await patchHost(roll, 'broken-and-back')).outcome).toBe('rolled-back');
    expect(versionOf('broken-and-back', 'curl')).toBe(OLD_CURL);
  });

  it('that never comes back from its reboot is taken back, and runs with the old kernel', async () => {
    roll.lab.faults.add((point) =>
      point.at === 'node' && point.machine === 'qemu/211' && point.step === 'up' && point.kernel === NEW_KERNEL
        ? { do: 'drop' }
        : undefined,
    );
    const report = await patchHost(roll, 'gone');
    expect(report).toMatchObject({ outcome: 'rolled-back' });
    expect(report.reason).toContain('it is down or does not answer');
    expect(machine('gone').power).toBe('on');
    expect(machine('gone').runningKernel).not.toBe(NEW_KERNEL);
    expect(versionOf('gone', 'curl')).toBe(OLD_CURL);
  });
});
