import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding, FindingCode } from '../../domain/finding.ts';
import type { RollPlan } from '../../domain/plan.ts';
import { containerSpec, GiB, nodeSpec, smallSite, vmSpec, type Site } from '../../lab/site.ts';
import { findingsOf } from '../../planning/findings.ts';
import { runCli } from '../../scripts/cli/program.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';

const MIB = 2 ** 20;
const HOUR_MS = 60 * 60_000;
const localOnly = { disks: [{ key: 'scsi0', storage: 'local-zfs', size: 8 * GiB }] };

/** Three nodes that have not been looked after for a long time. */
function sickSite(): Site {
  const well = smallSite({ nodes: 3, qdevice: true });
  const [one, two, three] = well.nodes.map((node) => ({ ...node }));
  return {
    ...well,
    nodes: [
      {
        ...one!,
        cpuModel: 'Intel(R) Xeon(R) CPU E5-2690 v2 @ 3.00GHz',
        packages: one!.packages.map((spec) => ({
          ...spec,
          ...(spec.name === 'corosync' ? { held: true } : {}),
          ...(spec.name === 'openssh-server' ? { broken: true } : {}),
        })),
        kernelPin: one!.kernels[0]!,
        troubles: {
          enterprise: 'notfound',
          fileSystems: { '/': { size: 20 * GiB, available: 600 * MIB } },
          bootPartitions: { 'A1B2-C3D4': { size: 512 * MIB, available: 90 * MIB }, 'DEAD-BEEF': null },
          clockAheadMs: 90_000,
        },
      },
      {
        ...two!,
        packages: two!.packages.map((spec) => (spec.name === 'pve-manager' ? { ...spec, candidate: '10.0.1' } : spec)),
      },
      nodeSpec(three!.name, 2, { unreadableSources: { '/etc/apt/sources.list.d/old.list': 'malformed line 3' } }),
    ],
    storages: well.storages.map((storage) =>
      storage.id === 'pbs' ? { ...storage, inactiveOn: ['pve2'] } : { ...storage, used: 0.97 * storage.total },
    ),
    guests: [
      ...well.guests,
      vmSpec(301, 'gpu-vm', 'pve1', { devices: { hostpci0: '0000:03:00.0' } }),
      vmSpec(302, 'installer-vm', 'pve1', { cdrom: 'local:iso/debian-13.iso,media=cdrom', disks: [] }),
      containerSpec(303, 'media', 'pve1', { bindMounts: { mp0: '/tank/media,mp=/media' } }),
      vmSpec(304, 'unreplicated-vm', 'pve1', localOnly),
      vmSpec(305, 'giant-vm', 'pve1', { memory: 80 * GiB, disks: [] }),
      vmSpec(309, 'compiler-vm', 'pve1', { cpu: 'host,flags=+aes', disks: [] }),
      vmSpec(306, 'broken-vm', 'pve2', { ha: 'started', disks: [] }),
      vmSpec(307, 'retired-vm', 'pve2', { running: false, disks: [] }),
      vmSpec(308, 'spare-vm', 'pve2', { running: false, onboot: false, disks: [] }),
    ],
    replication: well.replication.map((job) =>
      job.guest === 202 ? { ...job, fails: 'zfs error: cannot receive: destination has been modified' } : job,
    ),
    backupJobs: [
      { id: 'backup-nightly', storage: 'pbs', vmids: [201], enabled: true, dueInMs: HOUR_MS },
      { id: 'backup-off', storage: 'pbs', vmids: [201], enabled: false, dueInMs: HOUR_MS },
    ],
  };
}

describe('the plan for a sick cluster', () => {
  let roll: RollLab;
  let plan: RollPlan;
  let code: number;

  async function caretaker(columns: number, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', ''];
    const exit = await runCli(args, {
      env: roll.env,
      stdout: { columns, write: (text) => (out += text) },
      stderr: { columns, write: (text) => (err += text) },
    });
    return { code: exit, out, err };
  }

  beforeAll(async () => {
    roll = await rollLab({
      site: sickSite(),
      policy: { backups: 'refuse', expected: { upgrade: '1 hour' } },
      withoutPrivileges: ['VM.PowerMgmt'],
    });
    const { lab } = roll;
    lab.cluster.qdeviceConnected = false;
    lab.cluster.tasks.start(lab.node('pve2'), 'vzdump', '102', 'root@pam', () => new Promise(() => undefined));
    lab.cluster.tasks.start(lab.node('pve2'), 'qmsnapshot', '202', 'root@pam', () => new Promise(() => undefined));
    lab.guest(202).lock = 'snapshot';
    lab.faults.add((point) => {
      if (point.at === 'connection' && point.protocol === 'ssh' && point.machine === 'node/pve3') return { do: 'drop' };
      if (point.at !== 'api' || point.phase !== 'after' || point.path !== '/cluster/status') return undefined;
      if (point.receiver !== 'pve3') return undefined;
      const members = ['pve1', 'pve2', 'pve3'].map((name, index) => ({
        type: 'node',
        id: `node/${name}`,
        name,
        nodeid: index + 1,
        ip: '192.0.2.1',
        online: name === 'pve3' ? 1 : 0,
        local: name === 'pve3' ? 1 : 0,
        level: '',
      }));
      return {
        do: 'lie',
        body: [{ type: 'cluster', id: 'cluster', name: 'small', nodes: 3, version: 3, quorate: 0 }, ...members],
      };
    });
    lab.faults.add((point) =>
      point.at === 'api' && point.phase === 'after' && point.path === '/cluster/ha/status/manager_status'
        ? { do: 'lie', body: haInError() }
        : undefined,
    );
    await roll.startWorker();
    const answer = await caretaker(120, 'plan', '--json');
    code = answer.code;
    const parsed = JSON.parse(answer.out) as { report: { plan: RollPlan } };
    plan = parsed.report.plan;
  });

  afterAll(() => roll?.close());

  function haInError(): unknown {
    const nodes = { pve1: 'online', pve2: 'online', pve3: 'online' };
    const service = { node: 'pve2', state: 'error', running: 1, uid: 'x' };
    return {
      manager_status: { master_node: 'pve1', node_status: nodes, service_status: { 'vm:306': service }, timestamp: 1 },
      lrm_status: {},
      quorum: { node: 'pve1', quorate: 1 },
    };
  }

  const found = (wanted: FindingCode): Finding[] => findingsOf(plan).filter(({ code: own }) => own === wanted);

  it('is refused', () => {
    expect(code).toBe(1);
  });

  it.each<[FindingCode, string | null, 'blocker' | 'warning', RegExp]>([
    ['missing-privileges', null, 'blocker', /VM\.PowerMgmt/],
    ['qdevice-lost', null, 'warning', /its vote does not count/],
    ['backup-due', null, 'warning', /backup-nightly/],
    ['ha-error', 'pve2', 'blocker', /broken-vm \(306\)/],
    ['node-unreachable', 'pve3', 'blocker', /does not answer over SSH/],
    ['no-agreement', 'pve3', 'blocker', /does not see the same cluster/],
    ['storage-inactive', 'pve2', 'blocker', /storage pbs/],
    ['storage-full', 'pve1', 'warning', /97 % full/],
    ['clock-skew', 'pve1', 'blocker', /ahead of that of the worker/],
    ['repository-error', 'pve1', 'blocker', /enterprise repository without a valid subscription/],
    ['packages-held', 'pve1', 'warning', /one package is held back/],
    ['packages-broken', 'pve1', 'blocker', /not fully installed/],
    ['kernel-pinned', 'pve1', 'warning', /to which its kernel is pinned/],
    ['disk-space', 'pve1', 'blocker', /600 MiB left/],
    ['boot-partition', 'pve1', 'warning', /DEAD-BEEF/],
    ['major-upgrade', 'pve2', 'blocker', /Proxmox VE 9 to 10/],
    ['backup-running', 'pve2', 'blocker', /a backup runs/],
    ['task-running', 'pve2', 'blocker', /a snapshot of 202/],
    ['starts-at-boot', 'pve2', 'warning', /retired-vm \(307\) is stopped/],
    ['guest-locked', 'pve2', 'blocker', /locked \(snapshot\)/],
    ['replication-failed', 'pve2', 'blocker', /replication of 202/],
    ['no-capacity', 'pve1', 'blocker', /giant-vm \(305\)/],
  ])('finds %s of %s as %s', (wanted, node, severity, message) => {
    expect(found(wanted)).toContainEqual(
      expect.objectContaining({ node, severity, message: expect.stringMatching(message) as string }),
    );
  });

  it('says of each guest that cannot leave what holds it', () => {
    const reasons = new Map(found('guest-cannot-move').map(({ vmid, message }) => [vmid, message]));
    expect([...reasons.keys()].sort()).toEqual([301, 302, 303, 304, 309]);
    expect(reasons.get(301)).toContain('passed-through device hostpci0');
    expect(reasons.get(302)).toContain('local:iso/debian-13.iso');
    expect(reasons.get(303)).toContain('bind mount mp0 /tank/media');
    expect(reasons.get(304)).toContain('local disk');
    expect(reasons.get(309)).toMatch(/CPU type host of .*E5-2690 v2.* would meet .*E5-2630L/);
  });

  it('says of each stopped guest that the boot of its node will start, and of no other', () => {
    expect(found('starts-at-boot').map(({ vmid }) => vmid)).toEqual([307]);
  });

  it('gives every finding a remedy, and what was seen in the words of its source', () => {
    expect(findingsOf(plan).filter(({ remedy }) => remedy === '')).toEqual([]);
    expect(found('replication-failed')[0]?.evidence).toContain('destination has been modified');
    expect(found('packages-broken')[0]?.evidence).toContain('openssh-server');
    expect(found('boot-partition').map(({ evidence }) => evidence)).toContainEqual(
      expect.stringContaining('special device /dev/disk/by-uuid/DEAD-BEEF does not exist'),
    );
  });

  it.each([80, 120])(
    'is shown by node within %i columns, blockers before warnings, with what overrides them',
    async (columns) => {
      const { out, code: exit } = await caretaker(columns, 'plan');
      expect(exit).toBe(1);
      for (const line of out.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(columns);
      expect(out).toMatch(/✘ backup-running[^]*--override backup-running/);
      expect(out).not.toContain('--override node-unreachable');
      const groups = out.split(/\n\n(?=The cluster\n|pve\d\n {2}[✘!~])/).slice(1);
      expect(groups.map((group) => group.split('\n')[0])).toEqual(['The cluster', 'pve1', 'pve2', 'pve3']);
      for (const group of groups) expect(group).not.toMatch(/^ {2}! [^]*^ {2}✘ /m);
    },
  );

  it('changes nothing, not even the package lists', () => {
    const changes = roll.lab.log.of('guest.migrated', 'upgrade.start', 'ha.command', 'reboot.request');
    expect(changes).toEqual([]);
    expect(roll.lab.log.of('task.start').filter((event) => event.detail['type'] === 'aptupdate')).toEqual([]);
    expect(roll.lab.schemaViolations).toEqual([]);
  });
});
