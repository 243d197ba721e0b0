import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetReport, HostLine, HostOutcome, HostReport, WeeklyReport } from '../../domain/patch.ts';
import { lineOf, lineWithout, packLine, unpackLine } from '../../planning/host-line.ts';
import { sizeOf, MOST_BYTES } from '../../reports/bounded.ts';
import { boundedFleet, boundedLines, MOST_FLEET_BYTES } from '../../reports/bounded-fleet.ts';
import { asText } from '../../reports/as-text.ts';
import { fleetDocument } from '../../reports/fleet-document.ts';
import { fleetMail } from '../../reports/fleet-mail.ts';

function aLine(host: string, parts: Partial<HostLine> = {}): HostLine {
  return { ...lineWithout(host, 'patched', 'it was patched', null), ...parts };
}

function aReport(hosts: readonly HostLine[], parts: Partial<FleetReport> = {}): FleetReport {
  return {
    cluster: 'homelab',
    name: 'lxc',
    outcome: 'done',
    reason: `${hosts.length} patched`,
    hosts,
    startedAt: '2026-11-22T02:00:00.000Z',
    endedAt: '2026-11-22T02:10:00.000Z',
    ...parts,
  };
}

function aWeek(groups: readonly FleetReport[], parts: Partial<WeeklyReport> = {}): WeeklyReport {
  const { cluster, outcome, reason, startedAt, endedAt } = aReport([]);
  return { cluster, outcome, reason, startedAt, endedAt, groups, ...parts };
}

const subject = (report: FleetReport | WeeklyReport) => fleetMail('report/1', report).subject;

describe('the subject of the mail about patched hosts', () => {
  it('names what failed first', () => {
    const hosts = [
      aLine('pihole-1', { outcome: 'rolled-back' }),
      aLine('plex-vm', { outcome: 'failed', rebootPending: true }),
    ];
    expect(subject(aReport(hosts, { outcome: 'failed' }))).toBe(
      'FAILED: patching of lxc in homelab: plex-vm failed, pihole-1 rolled back',
    );
    expect(subject(aReport(hosts, { outcome: 'aborted', reason: 'An operator asked to stop' }))).toMatch(/^FAILED: /);
  });

  it('counts where there are too many to name', () => {
    const hosts = Array.from({ length: 5 }, (_, index) => aLine(`host-${index}`, { outcome: 'failed' }));
    expect(subject(aReport(hosts, { outcome: 'failed' }))).toBe('FAILED: patching of lxc in homelab: 5 hosts failed');
  });

  it('says what is to do where nothing failed', () => {
    expect(subject(aReport([aLine('plex-vm', { rebootPending: true })]))).toBe(
      'TO DO: patching of lxc in homelab: plex-vm to reboot',
    );
    const left = [aLine('a'), aLine('b', { outcome: 'not-started' })];
    expect(subject(aReport(left, { outcome: 'stopped' }))).toBe('TO DO: patching of lxc in homelab: b not started');
  });

  it('raises no alarm for a conffile that was kept, which the mail lists', () => {
    const report = aReport([aLine('traefik', { keptConffiles: ['/etc/traefik.yml'] })]);
    expect(subject(report)).toBe('Patching of lxc in homelab: 1 patched');
    expect(fleetMail('report/1', report).text).toContain('traefik: /etc/traefik.yml');
  });

  it('names the skipped of whom somebody has to see, and no others', () => {
    const exempt = aLine('nas', { outcome: 'skipped', reason: 'it is exempt' });
    const noBackup = aLine('pbs', { outcome: 'skipped', reason: 'no backup', remedy: 'Make a backup.' });
    expect(subject(aReport([exempt]))).toBe('Patching of lxc in homelab: 1 patched');
    expect(subject(aReport([exempt, noBackup]))).toBe('TO DO: patching of lxc in homelab: pbs skipped');
  });

  it('names a host whose snapshot nobody else removes', () => {
    const kept = aLine('plex-vm', { snapshot: { name: 'caretaker-1', until: null } });
    const timed = aLine('nas', { snapshot: { name: 'caretaker-2', until: '2026-11-25T02:00:00.000Z' } });
    expect(subject(aReport([timed]))).toBe('Patching of lxc in homelab: 1 patched');
    expect(subject(aReport([kept, timed]))).toBe(
      'TO DO: patching of lxc in homelab: plex-vm with a snapshot to remove',
    );
  });

  it('says who has stopped it, or who had the cluster', () => {
    const reason = 'Waited 6 hours for the cluster: rolling-update/homelab has the cluster';
    expect(subject(aWeek([], { outcome: 'refused', reason }))).toBe(`REFUSED: weekly updates of homelab: ${reason}`);
    expect(subject(aWeek([], { outcome: 'aborted', reason: 'An operator asked to stop' }))).toBe(
      'ABORTED: weekly updates of homelab: An operator asked to stop',
    );
  });
});

describe('the report about patched hosts', () => {
  const text = (report: FleetReport | WeeklyReport, longest?: number) =>
    asText(fleetDocument(report, longest === undefined ? {} : { longest }), { width: 100 });

  it('tells what to mend before what was done, a line a host, and why others were left', () => {
    const week = aWeek([
      aReport([
        aLine('pihole-1', { outcome: 'failed', reason: 'no space left', remedy: 'Make room.', packages: 3 }),
        aLine('pbs', { outcome: 'skipped', reason: 'no backup' }),
        aLine('nas', { outcome: 'skipped', reason: 'no backup' }),
      ]),
      aReport([aLine('plex-vm', { packages: 31, rebooted: true, downSeconds: 41 })], { name: 'docker-vms' }),
    ]);
    const told = text(week);
    const order = ['✘ pihole-1: no space left', 'To do: Make room.', 'docker-vms', 'pbs, nas: no backup'];
    expect(order.map((each) => told.indexOf(each))).toEqual(
      order.map((each) => told.indexOf(each)).sort((a, b) => a - b),
    );
    expect(told).toMatch(/plex-vm +✔ patched +31 +yes +41 s/);
  });

  it('tells what to do about hosts that were skipped', () => {
    const skipped = ['pbs', 'nas'].map((host) => {
      return aLine(host, { outcome: 'skipped', reason: 'no backup', remedy: 'Make a backup.' });
    });
    expect(text(aReport(skipped))).toMatch(/pbs, nas: no backup\n +To do: Make a backup\./);
  });

  it('names the snapshots that stay, and says when the others go', () => {
    const told = text(
      aReport([
        aLine('plex-vm', { outcome: 'failed', snapshot: { name: 'caretaker-1', until: null } }),
        aLine('nas', { snapshot: { name: 'caretaker-2', until: '2026-11-25T02:00:00.000Z' } }),
      ]),
    );
    expect(told).toContain('1 snapshot to remove');
    expect(told).toContain('plex-vm: caretaker-1');
    expect(told).toContain('nas: removed without your doing, the last one on 2026-11-25 02:00 UTC.');
  });

  it('tells each warning once, with its hosts', () => {
    const warnings = ['no snapshot was possible'];
    const told = text(aReport([aLine('pbs', { warnings }), aLine('nas', { warnings: [...warnings, 'odd'] })]));
    expect(told).toContain('! pbs, nas: no snapshot was possible');
    expect(told).toContain('! nas: odd');
  });

  it('counts the unchanged where there are too many hosts to name', () => {
    const hosts = [
      ...Array.from({ length: 4_990 }, (_, index) => aLine(`host-${index}`, { outcome: 'unchanged' })),
      ...Array.from({ length: 10 }, (_, index) => aLine(`changed-${index}`, { packages: 2 })),
    ];
    const told = text(aReport(hosts), 25);
    expect(told).toContain('4990 unchanged');
    expect(told).toMatch(/changed-9 +✔ patched/);
    expect(told).not.toContain('host-17');
  });

  it('names a group that could not be patched at all', () => {
    const week = aWeek([aReport([], { outcome: 'failed', reason: 'patch-fleet/homelab/lxc patches it already' })]);
    expect(text(week)).toContain('✘ lxc: patch-fleet/homelab/lxc patches it already');
  });
});

describe('reports of thousands of hosts', () => {
  const outcome = fc.constantFrom<HostOutcome>('patched', 'unchanged', 'failed', 'skipped', 'not-started');
  const lines = (length: number) =>
    fc.array(
      fc.record({ outcome, reason: fc.string({ maxLength: 40 }), packages: fc.nat(300), rebooted: fc.boolean() }),
      { minLength: length, maxLength: length },
    );

  it('fit into what Temporal takes, and lose no failed host while others can be counted instead', () => {
    fc.assert(
      fc.property(lines(5_000), fc.integer({ min: 0, max: 4_000 }), (list, length) => {
        const hosts = list.map((line, index) =>
          aLine(`host-${index}`, { ...line, reason: line.reason + 'x'.repeat(length) }),
        );
        const cut = boundedFleet(aReport(hosts, { reason: 'y'.repeat(length) }));
        expect(sizeOf(cut)).toBeLessThanOrEqual(MOST_FLEET_BYTES);
        const unnamed = Object.values(cut.unnamed ?? {}).reduce((sum, each) => sum + each, 0);
        expect(cut.hosts.length + unnamed).toBe(5_000);
        const failed = (all: readonly HostLine[]) => all.filter((line) => line.outcome === 'failed').length;
        if ((cut.unnamed?.patched ?? 0) === 0) expect(failed(cut.hosts)).toBe(failed(hosts));
      }),
      { numRuns: 5 },
    );
  });

  it('fit into the input of the next run whatever the reasons are', () => {
    const hosts = Array.from({ length: 5_000 }, (_, index) =>
      aLine(`host-${index}`, {
        outcome: 'failed',
        reason: 'r'.repeat(5_000),
        remedy: 'm'.repeat(5_000),
        keptConffiles: Array<string>(30).fill('c'.repeat(500)),
        snapshot: { name: 'caretaker-2026-11-22-0123abcd', until: '2026-11-25T02:00:00.000Z' },
        warnings: Array<string>(3).fill('w'.repeat(5_000)),
      }),
    );
    expect(sizeOf(boundedLines(hosts, 1_400_000).map(packLine))).toBeLessThan(2_000_000);
  });

  it('fit into a mail', () => {
    const hosts = Array.from({ length: 3_000 }, (_, index) =>
      aLine(`host-${index}`, { outcome: 'failed', reason: 'r'.repeat(600), keptConffiles: ['/etc/a', '/etc/b'] }),
    );
    expect(sizeOf(fleetMail('report/1', aReport(hosts, { outcome: 'failed' })))).toBeLessThanOrEqual(MOST_BYTES);
  });
});

describe('a line that goes along to the next run', () => {
  it('is the same there', () => {
    const line = aLine('a', {
      remedy: 'Look.',
      packages: 3,
      keptConffiles: ['/etc/x'],
      rebooted: true,
      downSeconds: 9,
      snapshot: { name: 'caretaker-1', until: null },
      warnings: ['odd'],
    });
    expect(unpackLine(packLine(line))).toEqual(line);
  });
});

describe('the line of a host', () => {
  const done: HostReport = {
    host: 'plex-vm',
    outcome: 'patched',
    reason: 'it was patched',
    remedy: null,
    packages: [{ name: 'curl', from: '1', to: '2' }],
    keptConffiles: ['/etc/a'],
    removed: [],
    reboot: null,
    rebootPending: ['/run/reboot-required is there'],
    snapshot: { name: 'caretaker-1', until: null },
    warnings: ['one', 'two', 'three', 'four'],
    startedAt: '2026-11-22T02:00:00.000Z',
    endedAt: '2026-11-22T02:10:00.000Z',
  };

  it('takes along its snapshot and its first warnings', () => {
    expect(lineOf(done)).toMatchObject({
      packages: 1,
      rebootPending: true,
      snapshot: done.snapshot,
      warnings: ['one', 'two', 'three'],
    });
  });

  it('counts nothing that went with the way back to the snapshot', () => {
    expect(lineOf({ ...done, outcome: 'rolled-back' })).toMatchObject({
      packages: 0,
      keptConffiles: [],
      rebootPending: false,
    });
  });
});
