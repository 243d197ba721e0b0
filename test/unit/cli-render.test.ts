import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Question } from '../../domain/decision.ts';
import { describeChanges } from '../../scripts/cli/render/changes.ts';
import { renderHistory, type HistoryEntry } from '../../scripts/cli/render/history.ts';
import { renderLease } from '../../scripts/cli/render/lease.ts';
import { renderPlan } from '../../scripts/cli/render/plan.ts';
import { renderProgress } from '../../scripts/cli/render/progress.ts';
import { renderReport } from '../../scripts/cli/render/report.ts';
import { describeTidyUp } from '../../scripts/cli/render/tidy-up.ts';
import { renderLeftovers, renderToUndo } from '../../scripts/cli/render/undo.ts';
import { layoutFor } from '../../scripts/cli/terminal.ts';
import { doneReport, failedReport, plan, progress, refusedPlan, refusedReport, undoView } from './samples/cli.ts';

const now = new Date('2026-11-22T03:12:10Z');

/** Text as read by a person: line breaks and runs of spaces are one space. */
function read(text: string): string {
  return text.replace(/\s+/g, ' ');
}

describe('the plan', () => {
  it('shows order, action, reason, packages, reboot and time of every node', () => {
    const lines = renderPlan(plan, { width: 140 }).split('\n').map(read);
    expect(lines[0]).toBe('Plan for homelab · 2 nodes, about 12 min 34 s');
    expect(lines).toContain(
      '1 pve-node1 ● update 42 yes 4 12 min 34 s 42 packages, and kernel 6.14.8-2-pve replaces the running 6.14.5-1-pve',
    );
    expect(lines).toContain('2 pve-node2 – skip – no – – no packages to upgrade and the running kernel is the newest');
  });

  it('says what happens to the quorum, to every guest, and what to expect', () => {
    const text = read(renderPlan(plan));
    expect(text).toContain('! read-only while away: 1 of 2 votes is left and 2 are needed;');
    expect(text).toContain('210 plex-vm VM 8 GiB pve-node2 live, with local disks');
    expect(text).toContain('212 download-clients-vm VM 4 GiB stays shut down, start again');
    expect(text).toContain('192 pihole-1 CT 256 MiB pve-node2, likely by the HA manager');
    expect(text).toContain('! guest-left-behind download-clients-vm (212) stays on pve-node1 and goes down');
    expect(text).toContain('Nothing stands in the way of this run.');
  });

  it('names kernels first and counts the rest of the packages', () => {
    expect(read(renderPlan(plan))).toMatch(/Packages proxmox-kernel-6\.14 6\.14\.5-1 → 6\.14\.8-2, .* and 37 more/);
  });

  it('says that a new kernel is tried first, and what is booted if that does not go well', () => {
    const canary = { tries: '6.14.8-2-pve', fallback: '6.14.5-1-pve' };
    const nodes = plan.nodes.map((node) => ({ ...node, canary }));
    expect(read(renderPlan({ ...plan, nodes }))).toContain(
      'Kernel 6.14.8-2-pve is tried for one boot, and kept if the node proves well; else 6.14.5-1-pve is booted next',
    );
    expect(read(renderPlan(plan))).not.toContain('is tried for one boot');
  });

  it('shows a refusal with its remedy', () => {
    const text = read(renderPlan(refusedPlan));
    expect(text).toContain('pve-node1 ✘ guest-cannot-move plex-vm (210) cannot move: it uses hostpci0 of this node');
    expect(text).toContain('To go on let it be shut down meanwhile with --guest 210=shutdown');
    expect(text).toContain('This run is refused for 1 reason. No node is touched.');
  });
});

describe('what is still to be undone', () => {
  it('is shown with the reason, what to do by hand, the next try and the commands', () => {
    const text = renderLeftovers([{ node: 'pve-node1', givenUpAt: null, view: undoView }], { width: 120 });
    expect(text.split('\n').map(read)).toEqual([
      'Still to be undone on pve-node1',
      '4 tries so far, next try 2026-11-22 03:50 UTC; given up 2026-11-25 03:20 UTC.',
      ' HA maintenance mode of pve-node1 is still on',
      ' Why pve-node1 is not well: does not answer over SSH, is offline for the other nodes',
      ' By hand when the node is well: ha-manager crm-command node-maintenance disable pve-node1',
      ' Entry maintenance',
      ' 210 plex-vm is still on pve-node2 instead of pve-node1',
      ' Why pve-node1 is not well: does not answer over SSH, is offline for the other nodes',
      ' By hand when pve-node1 is well: qm migrate 210 pve-node1 --online, on pve-node2',
      ' Entry 210',
      'Try now caretaker undo retry pve-node1',
      'Leave it to you caretaker undo forget pve-node1 [ENTRY]',
    ]);
  });

  it('says what it waits for while it tries, and that nobody answers when nobody does', () => {
    const state = 'waits for its turn: rolling-update/homelab has the cluster';
    const trying = renderLeftovers([
      { node: 'pve-node1', givenUpAt: null, view: { ...undoView, tries: 1, state, nextTry: null } },
    ]);
    expect(read(trying)).toContain(`1 try so far, ${state}; given up`);
    expect(renderLeftovers([{ node: 'pve-node1', givenUpAt: null, view: null }])).toContain('It does not answer.');
    expect(renderLeftovers([])).toBe('');
  });

  it('is yours once it was given up: with what to do by hand, and no commands to a run that has ended', () => {
    const givenUpAt = '2026-11-25T03:20:00.000Z';
    const text = renderLeftovers([{ node: 'pve-node1', givenUpAt, view: undoView }], { width: 120 });
    expect(text.split('\n').map(read).slice(0, 3)).toEqual([
      'Given up on pve-node1, left to you',
      'It has not been tried since 2026-11-25 03:20 UTC, nor looked at. Open then:',
      ' HA maintenance mode of pve-node1 is still on',
    ]);
    expect(read(text)).toContain('qm migrate 210 pve-node1 --online, on pve-node2');
    expect(text).not.toMatch(/undo retry|undo forget/);
    const untold = renderLeftovers([{ node: 'pve-node1', givenUpAt, view: null }]);
    expect(read(untold)).toContain('What was open then cannot be told without a worker.');
  });

  it('of a run that is under way is named, with the reason why it is not undone yet', () => {
    const open = progress.nodes.flatMap(({ undo }) => undo);
    expect(read(renderToUndo(open))).toBe(
      'Still to be undone by this run HA maintenance mode of pve-node2 is still on (its time has not come: the node is still in hand)',
    );
    expect(renderToUndo([])).toBe('');
  });

  it('fits the width', () => {
    const text = renderLeftovers([{ node: 'pve-node1', givenUpAt: null, view: undoView }], { width: 80 });
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

describe('the lease', () => {
  const claim = (workflowId: string, reason: string) => ({
    run: { workflowId, runId: 'run' },
    reason,
    priority: 'maintenance' as const,
    since: '2026-11-22T03:00:00.000Z',
  });
  const holder = { ...claim('rolling-update/homelab', 'rolling update'), preemptedBy: null };

  it('names who has the cluster and who waits for it', () => {
    const queue = [claim('rolling-update/homelab-2026', 'rolling update'), claim('undo/homelab/pve1', 'undo on pve1')];
    const lines = renderLease({ cluster: 'homelab', holder, queue }, 'rolling-update/homelab').split('\n').map(read);
    expect(lines[1]).toBe('rolling-update/homelab has it 2026-11-22T03:00:00.000Z rolling update');
    expect(lines[3]).toBe('undo/homelab/pve1 waits, 2. 2026-11-22T03:00:00.000Z undo on pve1');
  });

  it('says who is to make way for whom', () => {
    const told = { ...holder, preemptedBy: claim('power-guard/rack', 'on battery') };
    const text = read(renderLease({ cluster: 'homelab', holder: told, queue: [] }, 'another run'));
    expect(text).toContain('rolling-update/homelab has it, makes way for power-guard/rack');
  });

  it('is silent while only the run that is shown has anything to do with it', () => {
    expect(renderLease({ cluster: 'homelab', holder, queue: [] }, 'rolling-update/homelab')).toBe('');
    expect(renderLease({ cluster: 'homelab', holder: null, queue: [] }, 'rolling-update/homelab')).toBe('');
  });
});

describe('the progress', () => {
  it('shows phases with their times, the guests that move, and elapsed of expected time', () => {
    const text = read(renderProgress(progress, { now, webUiUrl: 'http://localhost:8233/x' }));
    expect(text).toContain('12 min 10 s of about 25 min');
    expect(text).toContain('pve-node1 ✔ done 11 min 30 s 1 at home');
    expect(text).toContain('pve-node2 ● draining 25 s 1 moving, 1 away, 1 stopped, 1 at home');
    expect(text).toContain('211 arr-stack-vm → leaving pve-node2 live');
    expect(text).toContain('193 pihole-2 · away pve-node1 restart');
    expect(text).toContain('Web UI http://localhost:8233/x');
  });

  it('lists guests only of nodes that are being updated', () => {
    expect(renderProgress(progress, { now })).not.toContain('plex-vm');
  });

  it('says how to go on when it is paused or waits for a person', () => {
    const text = renderProgress({ ...progress, paused: true, waitingFor: 'approve the plan', asking: true }, { now });
    expect(text).toContain('Go on with: caretaker resume');
    expect(text).toContain('Waits for you: approve the plan. Agree with: caretaker approve');
  });

  it('says how to begin now when it waits for a maintenance window', () => {
    const waiting = {
      waitingFor: 'the maintenance window that opens on Sunday 2026-11-29 03:00 (Europe/Berlin)',
      waitingUntil: '2026-11-29T02:00:00.000Z',
    };
    const text = read(renderProgress({ ...progress, ...waiting }, { now }));
    expect(text).toContain(
      'Waits for the maintenance window that opens on Sunday 2026-11-29 03:00 (Europe/Berlin). Begin now with: caretaker go-now',
    );
    expect(text).not.toContain('approve');
  });

  it('shows a question with the command for every answer, and what happens without one', () => {
    const question: Question = {
      id: 'pve-node2-1-8f3a',
      node: 'pve-node2',
      about: 'guestMove',
      text: 'arr-stack-vm (211) cannot be moved',
      options: ['retry', 'shutdown-guest', 'stop'],
      askedAt: '2026-11-22T03:12:00.000Z',
      deadline: '2026-11-22T15:12:00.000Z',
      byDefault: 'stop',
    };
    const text = read(renderProgress({ ...progress, question, waitingFor: 'decide …' }, { now }));
    expect(text).toContain('Waits for your decision: arr-stack-vm (211) cannot be moved');
    expect(text).toContain('caretaker decide pve-node2-1-8f3a shutdown-guest shut the guest down in order instead');
    expect(text).toContain('Without an answer by 2026-11-22T15:12:00.000Z: stop.');
    expect(text).not.toContain('approve');
  });

  it('names the command as it can be typed under npm', () => {
    const layout = layoutFor({ write: () => true }, { npm_lifecycle_event: 'start' });
    const waiting = { ...progress, waitingFor: 'approve the plan', asking: true };
    expect(renderProgress(waiting, { ...layout, now })).toContain('Agree with: npm run caretaker -- approve');
  });

  it('puts what a person must see before the guests, which a low terminal cuts off', () => {
    const text = renderProgress({ ...progress, paused: true }, { now, webUiUrl: 'http://localhost:8233/x' });
    expect(text.indexOf('Paused')).toBeLessThan(text.indexOf('211 arr-stack-vm'));
    expect(text.indexOf('Web UI')).toBeLessThan(text.indexOf('211 arr-stack-vm'));
  });

  it('says what goes on before the cluster is known', () => {
    const text = read(renderProgress({ ...progress, cluster: '', nodes: [], expectedMilliseconds: 0 }, { now }));
    expect(text).toBe('Rolling update · 12 min 10 s Looking at the cluster and making the plan …');
  });

  it('is a line for every change where nothing can be drawn in place', () => {
    expect(describeChanges(null, progress)).toEqual([
      'pve-node1: done',
      'pve-node2: draining',
      'pve-node2: 211 arr-stack-vm is leaving',
      'pve-node2: 193 pihole-2 runs on pve-node1',
      'pve-node2: 212 download-clients-vm is stopped',
    ]);
    expect(describeChanges(progress, progress)).toEqual([]);
    expect(describeChanges(progress, { ...progress, paused: true })).toEqual(['paused']);
  });

  it('tells what a cancel tidies up', () => {
    expect(describeTidyUp(progress)).toEqual([
      '211 arr-stack-vm is brought back to pve-node2',
      '193 pihole-2 is brought back to pve-node2',
      '212 download-clients-vm is started again on pve-node2',
      'HA maintenance mode of pve-node2 is switched off',
    ]);
  });
});

describe('the report', () => {
  it('shows outcome, packages, reboot, guests and time of every node', () => {
    const text = read(renderReport(doneReport, { width: 140 }));
    expect(text).toContain('Rolling update of homelab ✔ done · 14 min');
    expect(text).toContain('pve-node1 ✔ updated 42 6.14.8-2-pve 1 of 1 13 min 20 s');
    expect(text, 'why an updated node was updated stands in the plan').toContain('13 min 20 s pve-node2');
    expect(text).toContain('! Warning the survivor was read-only for 4 minutes');
  });

  it('says what could not be taken back and what to do by hand', () => {
    const text = read(renderReport(failedReport));
    expect(text).toContain('1 change could not be taken back');
    expect(text).toContain('210 plex-vm is still on pve-node2 instead of pve-node1: pve-node1 is not a member');
    expect(text).toContain('Do by hand: migrate it back once pve-node1 has rejoined');
    expect(text.match(/plex-vm/g)).toHaveLength(1);
  });

  it('repeats the refusals of a refused run with their remedies', () => {
    const text = read(renderReport(refusedReport));
    expect(text).toContain(
      'Refused before anything was touched ✘ guest-cannot-move pve-node1: plex-vm (210) cannot move',
    );
    expect(text).toContain('To go on: let it be shut down meanwhile');
  });
});

const entry: HistoryEntry = {
  workflowId: 'rolling-update/homelab',
  runId: '01a20f41-82a1-7df8-b0be-46387fc9638f',
  startedAt: '2026-11-22T03:00:00.000Z',
  endedAt: '2026-11-22T04:13:20.000Z',
  outcome: 'done',
  totals: { nodes: 12, nodesUpdated: 11, packages: 1042, reboots: 11 },
};
const running = { ...entry, endedAt: null, outcome: 'running', totals: null };
const entries: HistoryEntry[] = [running, entry, { ...entry, outcome: null, totals: null }].map((each, index) => ({
  ...each,
  runId: `0${index}${each.runId}`,
}));

describe('the history', () => {
  it('is a line a run, with dashes for what is not known', () => {
    const lines = renderHistory(entries, { width: 80 }).split('\n').map(read);
    expect(lines).toEqual([
      'Began (UTC) Outcome Took Nodes Packages Reboots Run',
      '2026-11-22 03:00 ● running – – – – 0001a20f',
      '2026-11-22 03:00 ✔ done 1 h 13 min 11/12 1042 11 0101a20f',
      '2026-11-22 03:00 ✘ broken off 1 h 13 min – – – 0201a20f',
    ]);
  });

  it('shows more of the ids of runs that began in the same minute', () => {
    const another = { ...entry, runId: entry.runId.replace('82a1', '8fff') };
    const text = renderHistory([another, entry]);
    expect(text).toMatch(/ 01a20f41-8f\n.* 01a20f41-82$/);
  });
});

describe('every view', () => {
  const views = {
    plan: (width: number, color: boolean) => renderPlan(refusedPlan, { width, color }),
    progress: (width: number, color: boolean) => renderProgress(progress, { now, width, color }),
    report: (width: number, color: boolean) => renderReport(failedReport, { width, color }),
    'whole report': (width: number, color: boolean) => renderReport(failedReport, { width, color, detail: 'full' }),
    history: (width: number, color: boolean) => renderHistory(entries, { width, color }),
  };

  it.each(Object.entries(views))('%s fits 80, 100 and 120 columns', (_, view) => {
    for (const width of [80, 100, 120]) {
      for (const line of view(width, true).split('\n')) {
        expect([...stripVTControlCharacters(line)].length, line).toBeLessThanOrEqual(width);
      }
    }
  });

  it.each(Object.entries(views))('%s says the same with and without color', (_, view) => {
    expect(view(100, false)).toBe(stripVTControlCharacters(view(100, true)));
    expect(view(100, true)).not.toBe(view(100, false));
  });
});
