import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RollReport } from '../../domain/report.ts';
import { asHtml } from '../../reports/as-html.ts';
import { asMarkdown } from '../../reports/as-markdown.ts';
import { asText } from '../../reports/as-text.ts';
import { bounded, MOST_BYTES, sizeOf } from '../../reports/bounded.ts';
import { rollDocument } from '../../reports/roll-document.ts';
import { rollMail } from '../../reports/roll-mail.ts';
import { doneReport, failedReport, refusedReport } from './samples/cli.ts';
import { aLargeReport, someGuests } from './samples/reports.ts';

function full(report: RollReport) {
  return rollDocument(report, { detail: 'full' });
}

/** Text as read by a person: line breaks and runs of spaces are one space. */
function read(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/** The done report with one text from elsewhere in every place that holds one. */
function withText(text: string): RollReport {
  const [node] = doneReport.nodes;
  return {
    ...doneReport,
    cluster: text,
    reason: text,
    warnings: [text],
    nodes: [
      {
        ...node!,
        node: text,
        packages: [{ name: text, from: text, to: text }],
        guests: [{ ...node!.guests[0]!, name: text, at: 'away' }],
        warnings: [text],
        openUndo: [{ undo: { kind: 'maintenance', node: text }, reason: text, remedy: text }],
      },
    ],
  };
}

describe('the full report', () => {
  const text = read(asText(full(doneReport), { width: 120 }));

  it('tells when, how long against what was expected, and what was longest down', () => {
    expect(text).toContain('Began 2026-11-22 03:00 UTC');
    expect(text).toContain('Took 14 min, expected about 12 min 34 s');
    expect(text).toContain('Packages 42');
    expect(text).toContain('Longest downtime 210 plex-vm: 104 ms');
  });

  it('tells of each node its phases, its reboot and why, its packages and its guests', () => {
    expect(text).toContain('pve-node1 ✔ updated Took 13 min 20 s, expected about 12 min 34 s.');
    expect(text).toContain('checking 03:00:00 13 min 20 s');
    expect(text).toContain('Rebooted for its kernel: 6.14.5-1-pve → 6.14.8-2-pve. Boot 1f0c → 7d21.');
    expect(text).toContain('openssl 3.5.1-1 3.5.1-1+deb13u1');
    expect(text).toContain('210 plex-vm live 03:01:00 03:13:00 104 ms');
  });

  it.each([
    ['kept', 'It was tried for one boot, and kept when pve-node1 had proved well. Boot 1f0c → 7d21.'],
    ['on-trial', 'It was tried for one boot; 6.14.5-1-pve is booted next. Boot 1f0c → 7d21.'],
  ] as const)('says of a new kernel that was tried first what became of it: %s', (canary, words) => {
    const nodes = doneReport.nodes.map((node) => ({ ...node, reboot: node.reboot && { ...node.reboot, canary } }));
    expect(read(asText(full({ ...doneReport, nodes }), { width: 120 }))).toContain(words);
  });

  it('names kernels before other packages', () => {
    expect(text.indexOf('proxmox-kernel-6.14')).toBeLessThan(text.indexOf('pve-manager'));
  });

  it('says what was measured, what is only a bound, and what is not known', () => {
    const [node] = doneReport.nodes;
    const [vm, container] = someGuests('pve-node1', 2);
    const guests = [
      vm!,
      container!,
      { ...vm!, vmid: 300, name: 'lost', downtime: null },
      {
        ...vm!,
        vmid: 301,
        name: 'down',
        downtime: { milliseconds: 0, certainty: 'at-most' as const, stillDown: true },
      },
    ];
    const report = read(asText(full({ ...doneReport, nodes: [{ ...node!, guests }] }), { width: 120 }));
    expect(report).toContain('100 some-guest-0 live 03:01:00 03:20:00 59 ms');
    expect(report, 'a bound is rounded up').toContain('101 some-guest-1 restart 03:01:00 03:20:00 at most 22 s');
    expect(report).toContain('300 lost live 03:01:00 03:20:00 not known');
    expect(report).toContain('Longest downtime 301 down: still down');
  });

  it('tells what was overridden once, with its code and what was seen', () => {
    const finding = {
      code: 'guest-locked',
      severity: 'blocker',
      node: 'pve-node1',
      message: 'plex-vm is locked',
      evidence: 'lock: backup',
      remedy: 'wait for the backup',
      overridden: true,
    } as const;
    const plan = { ...doneReport.plan!, findings: [finding, finding] };
    const warnings = ['plex-vm is locked (overridden: guest-locked)'];
    const report = read(asText(full({ ...doneReport, plan, warnings }), { width: 120 }));
    expect(report).toContain('Overridden ~ guest-locked pve-node1: plex-vm is locked Seen: lock: backup To mend: wait');
    expect(report.match(/plex-vm is locked/g)).toHaveLength(1);
  });
});

describe('every form of the report', () => {
  const forms = {
    text: (report: RollReport) => asText(full(report), { width: 78 }),
    html: htmlOf,
    markdown: markdownOf,
  };

  it.each(Object.entries(forms))('as %s says what went wrong and what to do before what was done', (_, form) => {
    const text = form(failedReport);
    const remedy = text.indexOf('Do by hand');
    expect(remedy).toBeGreaterThan(0);
    expect(remedy).toBeLessThan(text.indexOf('Took 13 min'));
  });

  it.each(Object.entries(forms))('as %s names everything of the model', (_, form) => {
    const text = form(doneReport).replaceAll('\\', '').replaceAll(/\s+/g, ' ');
    for (const each of ['pve-node1', 'openssl', '3.5.1-1+deb13u1', 'plex-vm', '104 ms', '6.14.8-2-pve', '7d21']) {
      expect(text).toContain(each);
    }
  });

  it('as text fits the lines of a mail and of a terminal, whatever the words are', () => {
    fc.assert(
      fc.property(fc.constantFrom(78, 80, 120), fc.string({ maxLength: 60 }), (width, name) => {
        const text = asText(full(withText(name.replaceAll(/\s/g, '-'))), { width });
        for (const line of text.split('\n').filter((each) => /^\d|^[A-Z]\w+ {2}/.test(each))) {
          expect([...line].length, line).toBeLessThanOrEqual(Math.max(width, [...name].length + 40));
        }
      }),
    );
  });
});

function htmlOf(report: RollReport): string {
  return asHtml(full(report));
}

function markdownOf(report: RollReport): string {
  return asMarkdown(full(report));
}

describe('a hostile name', () => {
  const script = `<script>alert('x')</script><img src="http://evil.example/x" onerror=alert(1)>" style="x`;

  it('is text in HTML: the tags and attributes are those of any other report', () => {
    const shape = (html: string) => html.match(/<[^>]*>/g);
    expect(shape(htmlOf(withText(script)))).toEqual(shape(htmlOf(withText('harmless'))));
    expect(htmlOf(withText(script))).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;');
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        expect(shape(htmlOf(withText(name)))).toEqual(shape(htmlOf(withText('harmless'))));
      }),
    );
  });

  it('fetches nothing: HTML has no element or style that could', () => {
    const tags = htmlOf(withText(script)).match(/<[^>]*>/g) ?? [];
    expect(tags.filter((tag) => /^<(?:img|link|script|style|iframe|object|a)\b|url\(|src=|href=/i.test(tag))).toEqual(
      [],
    );
  });

  it('cannot speak to a terminal', () => {
    const text = asText(full(withText('\u001b]0;owned\u0007\u001b[2J\u202egnp.exe\rname')), { width: 80 });
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });

  it('breaks out of no cell of a Markdown table, and is no markup there', () => {
    const text = markdownOf(withText('a | b\n| c | `x` [y](http://evil.example) <b> *z*'));
    const cells = (line: string) => line.replaceAll('\\|', '').split('|').length;
    const tables = text.split(/\n\n/).filter((block) => block.startsWith('|'));
    expect(tables.length).toBeGreaterThan(2);
    for (const table of tables) expect(new Set(table.split('\n').map(cells)).size, table).toBe(1);
    expect(text).toContain('\\[y\\](http://evil.example) &lt;b&gt; \\*z\\*');
  });

  it('stays on one line of the subject', () => {
    const { subject } = rollMail('report/1', { ...withText('x\r\nBcc: other@evil.example'), outcome: 'failed' });
    expect(subject).not.toMatch(/[\r\n]/);
    expect(subject.length).toBeLessThanOrEqual(140);
  });
});

describe('the mail', () => {
  it('says that what is open goes on being tried, until when, and how to see it', () => {
    const undoLater = { workflowId: 'undo-later/homelab/pve-node1', until: '2026-11-25T03:20:00.000Z' };
    const nodes = failedReport.nodes.map((node) => (node.openUndo.length > 0 ? { ...node, undoLater } : node));
    const words = (report: RollReport) => rollMail('report/1', report).text.replaceAll(/\s+/g, ' ');
    expect(words({ ...failedReport, nodes })).toMatch(
      /What is open on pve-node\d goes on being tried until 2026-11-25 03:20 UTC; .* with: caretaker undo\./,
    );
    expect(words(failedReport)).not.toContain('goes on being tried');
  });

  it('says in its subject first whether somebody has to do something', () => {
    const subject = (report: RollReport) => rollMail('report/1', report).subject;
    expect(subject(doneReport)).toBe('Rolling update of homelab: 1 of 2 nodes updated, 1 rebooted');
    expect(subject(failedReport)).toBe(
      'FAILED: rolling update of homelab: pve-node1 did not rejoin within 15 minutes: corosync is not running',
    );
    expect(subject({ ...failedReport, reason: 'did not rejoin' })).toContain('homelab: pve-node1: did not rejoin');
    expect(subject(refusedReport)).toMatch(/^REFUSED: /);
    expect(subject({ ...failedReport, outcome: 'aborted' })).toMatch(/^ABORTED: /);
    const undone = { ...failedReport, outcome: 'done' as const };
    expect(subject(undone)).toBe('TO DO: rolling update of homelab: 1 change could not be taken back');
  });
});

describe('a report of five nodes with 800 packages and 150 guests each', () => {
  const report = bounded(aLargeReport());

  it('fits the payload of a workflow with room to spare', () => {
    expect(sizeOf(aLargeReport())).toBeGreaterThan(4 * MOST_BYTES);
    expect(sizeOf(report)).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('says how much it leaves out, and keeps what is to be undone and who is not in place', () => {
    const last = report.nodes.at(-1)!;
    expect(last.openUndo).toHaveLength(150);
    expect(last.packages.length + last.leftOut!.packages).toBe(800);
    expect(last.guests.length + last.leftOut!.guests).toBe(150);
    expect(last.guests.some(({ at }) => at === 'away')).toBe(true);
    const planned = report.plan!.nodes[0]!;
    expect(planned.packages.length + planned.leftOut!.packages).toBe(800);
    const text = read(asText(full(report), { width: 120 }));
    expect(text).toMatch(/pve-node1 ✔ updated 800 6\.14\.8-2-pve 150 of 150/);
    expect(text).toContain(`and ${last.leftOut!.packages} more`);
  });

  it('makes a mail that fits as well', () => {
    expect(sizeOf(rollMail('report/1', report))).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('is left as it is when it is small', () => {
    expect(bounded(doneReport)).toEqual(doneReport);
  });
});
