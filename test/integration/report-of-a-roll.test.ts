import { afterEach, describe, expect, it, vi } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import { runCli } from '../../scripts/cli/program.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { startRoll } from '../helpers/rolls.ts';

// A loaded machine takes its time for a roll that copies disks.
describe('the report of a roll', { timeout: 300_000 }, () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  async function caretaker(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let out = '';
    let err = '';
    const stdout = { columns: 80, write: (text: string) => (out += text) };
    const code = await runCli(args, { env: roll.env, stdout, stderr: { write: (text) => (err += text) } });
    return { code, out, err };
  }

  function says(text: string): unknown {
    return expect.stringContaining(text);
  }

  it('is mailed once, and can be asked for afterwards in every form', async () => {
    // A replication that comes due while its target boots fails, and would keep the next node from being touched.
    roll = await rollLab({
      site: smallSite({ nodes: 2, overrides: { replication: [] } }),
      policy: { localDisks: 'always' },
    });
    const { lab } = roll;
    await roll.startWorker();
    expect((await caretaker('history')).out).toContain('remembers no rolling update');
    expect(await caretaker('report')).toMatchObject({ code: 1, err: says('has ended yet') });
    const handle = await startRoll(roll);
    const runId = handle.firstExecutionRunId;
    const report = await handle.result();
    expect(report.outcome).toBe('done');

    const mailRun = roll.client.workflow.getHandle(`mail/report/${runId}`);
    await expect(mailRun.result()).resolves.toEqual({ outcome: 'delivered', recipients: ['admin@lab.example'] });
    expect(lab.mail.messages).toHaveLength(1);
    const [mail] = lab.mail.messages;
    expect(mail?.messageId).toBe(`<report/${runId}@lab.example>`);
    expect(mail?.subject).toMatch(/^Rolling update of .*: 2 of 2 nodes updated, \d rebooted$/);
    expect(mail?.parts.map(({ type }) => type)).toEqual(['text/plain', 'text/html']);
    for (const { name } of lab.access.nodes) expect(mail?.html).toContain(name);
    expect(JSON.stringify(mail)).not.toContain(lab.access.token.secret);

    // Every guest was moved away and back: VMs by QEMU's own figure, containers within the times of their tasks.
    const guests = report.nodes.flatMap((node) => node.guests);
    expect(guests.length).toBeGreaterThan(1);
    for (const { name, how, downtime } of guests) {
      expect(downtime, name).toMatchObject({ certainty: how === 'live' ? 'measured' : 'at-most', stillDown: false });
      expect(downtime?.milliseconds, name).toBeGreaterThan(0);
    }

    // A second one that nobody could tidy up or write a report for.
    const broken = await startRoll(roll);
    await broken.terminate('the test');
    const list = async (): Promise<unknown> => JSON.parse((await caretaker('history', '--json')).out);
    const packages = report.nodes.reduce((sum, node) => sum + node.packages.length, 0);
    const totals = { nodes: 2, nodesUpdated: 2, packages, reboots: report.nodes.filter(({ reboot }) => reboot).length };
    await vi.waitFor(
      async () =>
        expect(await list()).toMatchObject([
          { runId: broken.firstExecutionRunId, outcome: null, totals: null },
          { runId, outcome: 'done', totals },
        ]),
      { timeout: 20_000, interval: 250 },
    );
    expect(await caretaker('history')).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        new RegExp(
          `✘ broken off .*${broken.firstExecutionRunId.slice(0, 8)}\\S*\\n.*✔ done .* 2/2 .*${runId.slice(0, 8)}`,
        ),
      ) as unknown,
    });
    expect(JSON.parse((await caretaker('history', '--json', '--limit', '1')).out)).toHaveLength(1);

    const shown = await caretaker('report', runId.slice(0, 13));
    expect(shown.code).toBe(0);
    for (const { name } of guests) expect(shown.out).toContain(name);
    expect((await caretaker('report', runId, '--markdown')).out).toMatch(/^# Rolling update of .*✔ done/m);
    expect((await caretaker('report', runId, '--html')).out).toMatch(/^<!DOCTYPE html>/i);
    expect(JSON.parse((await caretaker('report', runId, '--json')).out)).toMatchObject({ runId, report });

    expect(await caretaker('report')).toMatchObject({
      code: 1,
      err: says('left no report'),
    });
    // The ids of Temporal begin with the time.
    expect(await caretaker('report', '0')).toMatchObject({ code: 1, err: says('more than one rolling update') });
    const none = await caretaker('report', 'ffffffff-none');
    expect(none).toMatchObject({
      code: 1,
      err: says('history --json` lists'),
    });
    expect(await caretaker('history', '--limit', '0')).toMatchObject({
      code: 2,
      err: says('--limit'),
    });
    expect((await caretaker('report', '--html', '--json')).code).toBe(2);
  });
});
