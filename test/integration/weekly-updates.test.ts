import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { weeklyUpdatesId } from '../../domain/ids.ts';
import type { HostLine, WeeklyReport } from '../../domain/patch.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { containerSpec, referenceSite, smallSite, vmSpec } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';

const CURL = { name: 'curl', installed: '8.14.1-2', candidate: '8.14.1-2+deb13u1' };
const NEW_KERNEL = '6.12.41+deb13-amd64';

/** Runs the weekly updates to their end; the report, also of a run that failed, and the type of its failure. */
async function runWeekly(roll: RollLab): Promise<{ report: WeeklyReport; failure: string | null }> {
  const handle = await roll.client.workflow.start<() => Promise<WeeklyReport>>('weeklyUpdates', {
    workflowId: weeklyUpdatesId(roll.lab.access.cluster),
    taskQueue: TaskQueue.maintenance,
  });
  try {
    return { report: await handle.result(), failure: null };
  } catch (error) {
    const { type, details } = (error as { cause: { type: string; details: [WeeklyReport] } }).cause;
    return { report: details[0], failure: type };
  }
}

const linesOf = (report: WeeklyReport): Record<string, HostLine> =>
  Object.fromEntries(report.groups.flatMap(({ hosts }) => hosts.map((line) => [line.host, line])));

describe('the weekly updates of the reference site', () => {
  let roll: RollLab;
  let report: WeeklyReport;
  let failure: string | null;
  let lines: Record<string, HostLine>;

  beforeAll(async () => {
    const site = referenceSite();
    roll = await rollLab({
      site: {
        ...site,
        guests: [
          ...site.guests.map((guest) => (guest.name === 'pbs' ? { ...guest, ssh: false } : guest)),
          containerSpec(195, 'off', 'pve-node1', { running: false }),
          vmSpec(900, 'golden', 'pve-node1', { running: false, template: true }),
        ],
      },
      patching: {
        groups: [
          { name: 'lxc', serial: 3 },
          { name: 'docker-vms', serial: 1 },
        ],
        neverTogether: [['pihole-1', 'pihole-2']],
        weekly: ['lxc', 'docker-vms'],
        snapshot: 'before',
        settle: '0 seconds',
        hosts: {
          prometheus: {
            probes: [
              { name: 'old curl', kind: 'command', command: "dpkg-query -W -f '${Version}' curl | grep -qx 8.14.1-2" },
            ],
          },
          'plex-vm': { timeouts: { reboot: '10 seconds' } },
        },
      },
    });
    await alsoTheTemplate(roll);
    const { lab } = roll;
    lab.guest(194).machine.publish([{ ...CURL, conffile: true }]);
    lab.guest(194).machine.holdDpkgLock(60_000);
    lab.guest(213).machine.publish([{ ...CURL, postinst: { fail: true } }]);
    lab.faults.add((point) =>
      point.at === 'node' && point.machine === 'qemu/210' && point.step === 'up' && point.kernel === NEW_KERNEL
        ? { do: 'drop' }
        : undefined,
    );
    await roll.startWorker();
    ({ report, failure } = await runWeekly(roll));
    lines = linesOf(report);
  });
  afterAll(() => roll.close());

  it('fail loudly because hosts failed, and patch the others', () => {
    expect(failure).toBe('FleetFailed');
    expect(Object.fromEntries(Object.entries(lines).map(([host, { outcome }]) => [host, outcome]))).toEqual({
      'pihole-1': 'patched',
      'pihole-2': 'patched',
      traefik: 'patched',
      prometheus: 'rolled-back',
      pbs: 'patched',
      off: 'skipped',
      'plex-vm': 'rolled-back',
      'arr-stack-vm': 'patched',
      'download-clients-vm': 'patched',
      'web-apps-vm': 'failed',
      golden: 'skipped',
    });
  });

  it('tell of each host what a person wants to know', () => {
    expect(lines['traefik']?.keptConffiles).toEqual(['/etc/curl/curl.conf']);
    expect(lines['off']?.reason).toBe('it is stopped');
    expect(lines['golden']?.reason).toBe('900 is a template');
    expect(lines['web-apps-vm']?.reason).toContain('curl: installed curl package post-installation script');
    expect(lines['web-apps-vm']?.remedy).toContain('web-apps-vm');
    expect(lines['plex-vm']?.reason).toContain('taken back to its snapshot');
    expect(lines['arr-stack-vm']).toMatchObject({ rebooted: true, rebootPending: false });
    expect(lines['arr-stack-vm']?.downSeconds).toEqual(expect.any(Number));
    expect(lines['pihole-1']).toMatchObject({ rebooted: false, packages: 5 });
  });

  it('upgrade each host once, one Docker VM at a time, and never both DNS servers together', () => {
    const spans = roll.lab.log
      .of('upgrade.start', 'upgrade.end')
      .map(({ action, subject }) => ({ subject, begins: action === 'upgrade.start' }));
    let most = 0;
    let dns = 0;
    const inHand = new Set<string>();
    for (const { subject, begins } of spans) {
      if (begins) inHand.add(subject);
      else inHand.delete(subject);
      most = Math.max(most, [...inHand].filter((each) => each.startsWith('qemu/')).length);
      dns = Math.max(dns, [...inHand].filter((each) => each === 'lxc/192' || each === 'lxc/193').length);
    }
    expect(most).toBe(1);
    expect(dns).toBe(1);
    const begun = spans.filter(({ begins }) => begins).map(({ subject }) => subject);
    expect(begun).toHaveLength(new Set(begun).size);
  });

  it('send one mail, with what failed first', async () => {
    const reports = () => roll.lab.mail.messages.filter(({ subject }) => !subject.includes('reboots at'));
    await expect.poll(() => reports().length).toBe(1);
    const [mail] = reports();
    expect(mail?.subject).toMatch(/^FAILED: /);
    const text = mail?.text ?? '';
    const places = ['web-apps-vm', 'plex-vm', 'pihole-1'].map((host) => text.indexOf(host));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places[2]).toBeGreaterThan(Math.max(places[0] ?? 0, places[1] ?? 0));
  });
});

it('fifty hosts of which five fail are forty-five that are patched, and one mail', async () => {
  const guests = Array.from({ length: 50 }, (_, index) => containerSpec(300 + index, `ct-${index}`, 'pve1'));
  const roll = await rollLab({
    site: smallSite({ overrides: { guests, replication: [] } }),
    patching: { groups: [{ name: 'lxc', serial: '20%' }], weekly: ['lxc'] },
  });
  try {
    const failing = [3, 11, 19, 27, 49];
    for (const index of failing) roll.lab.guest(300 + index).machine.publish([{ ...CURL, postinst: { fail: true } }]);
    await roll.startWorker();
    const { report, failure } = await runWeekly(roll);
    expect(failure).toBe('FleetFailed');
    const lines = Object.values(linesOf(report));
    expect(lines.filter(({ outcome }) => outcome === 'patched')).toHaveLength(45);
    expect(lines.filter(({ outcome }) => outcome === 'failed').map(({ host }) => host)).toEqual(
      failing.map((index) => `ct-${index}`),
    );
    await expect.poll(() => roll.lab.mail.messages.length).toBe(1);
    expect(roll.lab.mail.messages[0]?.subject).toMatch(/^FAILED: .*5/);
  } finally {
    await roll.close();
  }
});

/** A template has no shell, so the lab leaves it out of the inventory. */
async function alsoTheTemplate({ configFile }: RollLab): Promise<void> {
  const config = parse(await readFile(configFile, 'utf8')) as { hosts: object[] };
  config.hosts.push({
    name: 'golden',
    address: 'golden.lab.example',
    vmid: 900,
    kind: 'vm',
    groups: ['docker-vms'],
    via: 'agent',
  });
  await writeFile(configFile, stringify(config));
}
