import { describe, expect, it } from 'vitest';
import type { NodeFate, OutageProgress, OutageReport } from '../../domain/outage.ts';
import type { PowerNotice } from '../../domain/power.ts';
import { asText } from '../../reports/as-text.ts';
import { MOST_BYTES, sizeOf } from '../../reports/bounded.ts';
import { clock, outageDocument } from '../../reports/outage-document.ts';
import {
  describeReading,
  mainsBackMail,
  nodeMissingMail,
  nodeUnverifiedMail,
  noticeMail,
  outageAgainMail,
  outageBeganMail,
  outageReportMail,
  phaseMail,
  restoreWaitsMail,
  shedRefusedMail,
} from '../../reports/outage-mail.ts';
import { readingOf } from '../helpers/watched-ups.ts';

const HEAD = { id: 'power-outage/1/began', cluster: 'homelab', ups: 'ups' };

const PROGRESS: OutageProgress = {
  ...{ cluster: 'homelab', ups: 'ups', rehearsal: false, phase: 'shed', stage: 'shed' },
  ...{ because: null, onBattery: 425, charge: 60, runtime: 900, waitingFor: null, events: [] },
  nodes: { pve1: 'on', pve2: 'going-down' },
};

const REPORT: OutageReport = {
  ...{ cluster: 'homelab', ups: 'ups', outcome: 'restored', highestPhase: 'shed', onBattery: 425 },
  ...{ startedAt: '2026-11-22T03:00:00.000Z', endedAt: '2026-11-22T03:30:00.000Z' },
  nodes: { pve1: 'on', pve2: 'back' },
  exceptions: [],
  events: [{ at: '2026-11-22T03:05:07.000Z', onBattery: 307, text: 'phase 2: on battery for 300 s' }],
  discharge: [],
};

const read = (text: string): string => text.replaceAll(/\s+/g, ' ');
const words = ({ text }: { readonly text: string }): string => read(text);
const reportOf = (changes: Partial<OutageReport>): string =>
  read(asText(outageDocument({ ...REPORT, ...changes }), { width: 78 }));
const withNodes = (nodes: Readonly<Record<string, NodeFate>>) => ({ ...HEAD, progress: { ...PROGRESS, nodes } });

describe('the first mail of an outage', () => {
  it('says what the battery bears, as far as the UPS tells it', () => {
    const reading = readingOf('OB DISCHRG', { 'battery.charge': '97', 'battery.runtime': '1440' });
    expect(outageBeganMail({ ...HEAD, reading }).subject).toBe(
      'POWER OUT: homelab is on battery (charge 97 %, 24 min left, load 20 %)',
    );
    expect(describeReading(readingOf('OB', { 'battery.charge': undefined, 'battery.runtime': 'N/A' }))).toBe(
      'load 20 %',
    );
    expect(outageBeganMail({ ...HEAD, reading: null }).subject).toBe('POWER OUT: homelab is on battery');
  });

  it('says that nothing is shut down yet, and where to look', () => {
    const mail = outageBeganMail({ ...HEAD, reading: null });
    expect(words(mail)).toContain('Nothing is shut down yet');
    expect(words(mail)).toContain('caretaker power status');
    expect(mail.id).toBe(HEAD.id);
  });
});

describe('the mail that the mains have failed again', () => {
  it('says what is still down, and how long the battery was needed so far, and not that all nodes run', () => {
    const mail = outageAgainMail({ ...withNodes({ pve1: 'back', pve2: 'waking' }), reading: readingOf('OB') });
    expect(mail.subject).toBe('POWER OUT: homelab is on battery again (charge 100 %, 25 min left, load 20 %)');
    expect(words(mail)).toContain('7 min 5 s so far');
    expect(words(mail)).toContain('pve2 … waking');
    expect(words(mail)).not.toMatch(/all nodes run|Nothing is shut down/);
  });
});

describe('the mail of a phase', () => {
  it.each([
    ['shed', 'phase 2, some nodes are shut down'],
    ['final', 'phase 3, everything is shut down'],
  ] as const)('%s says what goes, why, and what is up', (phase, what) => {
    const mail = phaseMail({ ...HEAD, phase, because: 'the battery is low (LB)', progress: PROGRESS });
    expect(mail.subject).toBe(`POWER OUT: homelab: ${what}`);
    expect(words(mail)).toContain('It begins now: the battery is low (LB).');
    expect(words(mail)).toContain('pve2 … going down');
  });

  it('gives no reason where there is none', () => {
    expect(words(phaseMail({ ...HEAD, phase: 'shed', because: null, progress: PROGRESS }))).not.toContain('It begins');
  });

  it('that sheds nothing says why', () => {
    const mail = shedRefusedMail({ ...HEAD, why: 'no other node is up' });
    expect(mail.subject).toBe('POWER OUT: homelab: phase 2 sheds nothing');
    expect(words(mail)).toContain('No other node is up.');
  });
});

describe('the mail that the mains are back', () => {
  const RUNNING = 'All nodes are on.';
  const WOKEN = 'Nodes are woken as soon as';

  it.each([
    [{ pve1: 'on', pve2: 'off-before' }, RUNNING],
    [{ pve1: 'on', pve2: 'guests-stopping' }, RUNNING],
    [{ pve1: 'on', pve2: 'going-down' }, WOKEN],
    [{ pve1: 'on', pve2: 'unverified' }, WOKEN],
    [{ pve1: 'off', pve2: 'off' }, WOKEN],
    [{ pve1: 'back', pve2: 'missing' }, WOKEN],
  ] as const)('of %j says: %s', (nodes, text) => {
    const mail = mainsBackMail(withNodes(nodes));
    expect(mail.subject).toBe('Power is back: homelab, after 7 min 5 s on battery');
    expect(words(mail)).toContain(text);
    expect(words(mail)).not.toContain(text === RUNNING ? WOKEN : RUNNING);
  });
});

describe('what somebody has to do', () => {
  it('is to hold a phase only while there is one', () => {
    const holds = (mail: { readonly text: string }): boolean => words(mail).includes('caretaker power hold');
    expect(holds(phaseMail({ ...HEAD, phase: 'shed', because: null, progress: PROGRESS }))).toBe(true);
    expect(holds(mainsBackMail(withNodes({})))).toBe(false);
    expect(holds(nodeMissingMail({ ...HEAD, node: 'pve2', words: 'no answer' }))).toBe(false);
    expect(holds(restoreWaitsMail({ ...HEAD, exceptions: ['pve2 is away'] }))).toBe(false);
  });

  it('is said by the subject first', () => {
    const subjects = [
      nodeMissingMail({ ...HEAD, node: 'pve2', words: 'no answer' }),
      restoreWaitsMail({ ...HEAD, exceptions: ['pve2 is away'] }),
      noticeMail({
        ...HEAD,
        notice: { code: 'battery-replace', text: 'the UPS wants a new battery (RB)' },
        over: false,
      }),
      outageReportMail(HEAD.id, { ...REPORT, outcome: 'restored-with-exceptions', exceptions: ['one', 'two'] }),
    ].map(({ subject }) => subject);
    expect(subjects).toEqual([
      'TO DO: pve2 of homelab does not come back after the power cut',
      'TO DO: the return of homelab after the power cut waits',
      'TO DO: UPS ups of homelab: the UPS wants a new battery (RB)',
      'TO DO: after the power cut of homelab, 2 things not as before',
    ]);
  });

  it('is nothing where all is as before, or was never touched', () => {
    const subjectOf = (outcome: OutageReport['outcome']) => outageReportMail(HEAD.id, { ...REPORT, outcome }).subject;
    expect(subjectOf('restored')).toBe('Power cut of homelab is over: all as before (7 min 5 s on battery)');
    expect(subjectOf('blip')).toBe('Power cut of homelab is over: nothing was shut down (7 min 5 s on battery)');
    expect(subjectOf('rehearsed')).toBe('Rehearsal of a power cut of homelab: nothing was changed');
    expect(subjectOf('aborted')).toBe('ABORTED: power cut of homelab: a person ended it');
  });

  it('is told with the node and its words', () => {
    const missing = words(nodeMissingMail({ ...HEAD, node: 'pve2', words: 'the BMC refuses the password' }));
    expect(missing).toContain('does not answer: the BMC refuses the password.');
    expect(missing).toContain('Turn pve2 on by hand.');
    const unverified = nodeUnverifiedMail({ ...HEAD, node: 'pve2', words: 'it still answers' });
    expect(unverified.subject).toBe('POWER OUT: pve2 of homelab was not seen off');
    expect(words(unverified)).toContain('nothing proved that it is off: it still answers.');
    expect(words(restoreWaitsMail({ ...HEAD, exceptions: ['pve2 is away', 'the NAS is silent'] }))).toContain(
      'Missing pve2 is away. The NAS is silent.',
    );
  });

  it('is a remedy for every kind of notice, and none once it is over', () => {
    const codes: readonly PowerNotice['code'][] = [
      ...(['ups-silent', 'ups-config', 'fsd-latched', 'battery-replace', 'battery-low-on-mains'] as const),
      ...(['discharging-on-mains', 'overload', 'output-off', 'no-charge', 'no-runtime', 'run-failed'] as const),
    ];
    const remedies = codes.map((code) => {
      const mail = (over: boolean) => words(noticeMail({ ...HEAD, notice: { code, text: 'it says so' }, over }));
      const [begun, over] = [mail(false), mail(true)];
      expect(over).toContain('It says so. This is not so any more.');
      const remedy = begun.slice(begun.indexOf('It says so.'));
      expect(over).not.toContain(remedy);
      return remedy;
    });
    expect(new Set(remedies).size).toBe(codes.length);
    for (const remedy of remedies) expect(remedy.length).toBeGreaterThan('It says so.'.length + 30);
  });
});

describe('the report of an outage', () => {
  it('tells when, how long on battery, how far it went, what became of each node, and what happened when', () => {
    const text = reportOf({});
    expect(text).toContain('Power cut of homelab');
    expect(text).toContain('✔ all as before');
    expect(text).toContain('Began 2026-11-22 03:00 UTC');
    expect(text).toContain('Ended 2026-11-22 03:30 UTC');
    expect(text).toContain('On battery 7 min 5 s');
    expect(text).toContain('Phase reached 2, shed');
    expect(text).toContain('pve2 ✔ back');
    expect(text).toContain('03:05:07 05:07 phase 2: on battery for 300 s');
  });

  it('says what is not as before ahead of what became of the nodes', () => {
    const text = reportOf({ outcome: 'restored-with-exceptions', exceptions: ['pve2 does not come back'] });
    expect(text).toContain('Not as before: 1 thing to look at');
    expect(text.indexOf('pve2 does not come back')).toBeLessThan(text.indexOf('Nodes'));
  });

  it('tells the runtime that was seen, beside what the UPS had promised', () => {
    const discharge = [100, 98, 96, 94, 92].map((charge, index) => ({
      ...{ at: 60 * index, charge, load: 28 },
      runtime: 3_600 - 60 * index,
    }));
    expect(reportOf({ discharge })).toContain(
      'From 100 to 92 % in 4 min: 2.0 % a minute at 28 % load, which is about 50 min from full. By the first word of the UPS it would be 60 min.',
    );
    const silent = discharge.map((point) => ({ ...point, load: null, runtime: null }));
    expect(reportOf({ discharge: silent })).toContain('2.0 % a minute at its load, which is about 50 min from full. ');
    expect(reportOf({ discharge: silent })).not.toContain('By the first word');
  });

  it('says why no runtime can be told, and nothing of it after a rehearsal', () => {
    expect(reportOf({})).toContain('No runtime can be told from this outage: the UPS reported no charge.');
    expect(reportOf({ outcome: 'rehearsed' })).toContain('Rehearsal of a power cut of homelab');
    expect(reportOf({ outcome: 'rehearsed' })).not.toContain('Battery');
  });

  it('leaves the middle out of a long log, and says how much', () => {
    const events = Array.from({ length: 30 }, (_, index) => ({
      ...{ at: '2026-11-22T03:05:07.000Z', onBattery: index },
      text: `event ${index}.`,
    }));
    const shown = (longest: number): string =>
      read(asText(outageDocument({ ...REPORT, events }, { longest }), { width: 78 }));
    for (const [longest, left, right, between] of [
      [5, 2, 28, 25],
      [4, 1, 28, 26],
      [29, 14, 16, 1],
    ] as const) {
      expect(shown(longest)).toContain(`event ${left}.`);
      expect(shown(longest)).not.toContain(`event ${left + 1}.`);
      expect(shown(longest)).toContain(`… ${between} more …`);
      expect(shown(longest)).not.toContain(`event ${right - 1}.`);
      expect(shown(longest)).toContain(`event ${right}.`);
    }
    expect(shown(30)).not.toContain('more …');
    expect(shown(0)).toContain('… 30 more …');
  });

  it('fits into a mail, however much there was, and keeps how it began and ended', () => {
    const many = (what: string) => Array.from({ length: 200 }, (_, index) => `${what} ${index} ${'x'.repeat(2_000)}`);
    const mail = outageReportMail(HEAD.id, {
      ...REPORT,
      exceptions: many('exception'),
      events: many('event').map((text) => ({ at: REPORT.startedAt, onBattery: 0, text })),
    });
    expect(sizeOf(mail)).toBeLessThanOrEqual(MOST_BYTES);
    const kept = (what: string): boolean => mail.text.includes(what);
    expect(['Exception 0\n', 'event 0\n', 'event 199\n'].filter((what) => !kept(what))).toEqual([]);
  });

  it('is safe whatever names hold', () => {
    const text = '<b>\u001b[31m\nBcc: x';
    const mail = outageReportMail(HEAD.id, {
      ...REPORT,
      ...{ cluster: text, ups: text, exceptions: [text], nodes: { [text]: 'missing' } },
      events: [{ at: REPORT.startedAt, onBattery: 0, text }],
    });
    expect(mail.subject).not.toMatch(/\p{Cc}/u);
    expect(mail.text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(mail.html).not.toContain('<b>');
  });

  it.each([
    [0, '00:00'],
    [59.4, '00:59'],
    [3_599.6, '1:00:00'],
    [36_061, '10:01:01'],
    [-3, '00:00'],
  ])('tells %d seconds on battery as %s', (seconds, text) => {
    expect(clock(seconds)).toBe(text);
  });
});
