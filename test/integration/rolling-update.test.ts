import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import type { RollReport } from '../../domain/report.ts';
import { referenceSite, smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('a rolling update of a whole cluster', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('brings the reference site up to date with every guest back where it was', async () => {
    roll = await rollLab({ site: referenceSite() });
    const before = places(roll);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    expect(report.nodes.map((node) => [node.node, node.outcome])).toEqual([
      ['pve-node1', 'updated'],
      ['pve-node2', 'updated'],
    ]);
    for (const node of report.nodes) {
      expect(node.reboot?.kernelAfter).not.toBe(node.reboot?.kernelBefore);
      expect(node.packages.length).toBeGreaterThan(5);
      expect(node.openUndo).toEqual([]);
    }
    expectRolledOnce(roll, before);
    // One name server was always there.
    expect(roll.lab.log.of('guest.stop').map(({ subject }) => subject)).toContain('lxc/192');
    expect(downAtOnce(roll, 'lxc/192', 'lxc/193')).toEqual([]);
  });

  it('starts from the temporal CLI without any input', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    await roll.startWorker();
    const id = `rolling-update/${roll.lab.access.cluster}`;
    const options = ['--type', 'rollingUpdate', '--task-queue', 'maintenance', '--workflow-id', id];
    const server = ['--address', inject('temporalAddress'), '--namespace', roll.namespace];

    await run(inject('temporalCliPath'), ['workflow', 'start', ...options, ...server]);

    const report = (await roll.client.workflow.getHandle(id).result()) as RollReport;
    expect(report.outcome).toBe('done');
    expectRolledOnce(roll, before);
  });

  it('starts from the caretaker CLI, which ends with the report and exit code 0', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    await roll.startWorker();

    const end = await caretaker(roll, 'update', '--json');

    expect(end).toMatchObject({
      code: 0,
      status: 'completed',
      report: { outcome: 'done', reason: expect.any(String) as string },
    });
    expectRolledOnce(roll, before);
  });

  it('starts from a schedule', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    await roll.startWorker();
    const action = ['--type', 'rollingUpdate', '--task-queue', 'maintenance', '--workflow-id', 'rolling-update/small'];
    const spec = ['--schedule-id', 'monthly', '--interval', '1s', '--remaining-actions', '1'];
    const policies = ['--overlap-policy', 'Skip', '--catchup-window', '1h'];
    const server = ['--address', inject('temporalAddress'), '--namespace', roll.namespace];

    await run(inject('temporalCliPath'), ['schedule', 'create', ...spec, ...policies, ...action, ...server]);

    const id = await started(roll);
    // Its id has the time in it; the CLI finds it all the same.
    await expect.poll(() => caretaker(roll, 'status', '--json'), { timeout: 20_000 }).toMatchObject({ workflowId: id });
    const report = (await roll.client.workflow.getHandle(id).result()) as RollReport;
    expect(report.outcome).toBe('done');
    expectRolledOnce(roll, before);
  });

  it('finds nothing to do the second time and disturbs nobody', async () => {
    roll = await rollLab({ site: smallSite() });
    await roll.startWorker();
    await (await startRoll(roll)).result();
    const events = roll.lab.log.events.length;

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('nothing-to-do');
    const disturbing = roll.lab.log.events
      .slice(events)
      .filter((event) => /^(guest|node|upgrade|ha)\./.test(event.action));
    expect(disturbing).toEqual([]);
  });
});

/** The moments at which all of these guests were down. */
function downAtOnce(roll: RollLab, ...guests: string[]): string[] {
  const down = new Set<string>();
  return roll.lab.log.of('guest.stop', 'guest.up').flatMap(({ action, subject, at }) => {
    if (action === 'guest.up') down.delete(subject);
    else down.add(subject);
    return guests.every((guest) => down.has(guest)) ? [at] : [];
  });
}

/** What the command says in JSON, with its exit code: a run that fails says why only there. */
async function caretaker(roll: RollLab, ...args: string[]): Promise<unknown> {
  const options = { cwd: ROOT, env: roll.env };
  const { stdout, code } = await run(process.execPath, ['scripts/caretaker.mjs', ...args], options).then(
    (end) => ({ ...end, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  );
  return { code, ...(JSON.parse(stdout) as object) };
}

/** Id of the run that the schedule has started; Temporal appends the time to it. */
function started(roll: RollLab): Promise<string> {
  return vi.waitFor(
    async () => {
      const { info } = await roll.client.schedule.getHandle('monthly').describe();
      const action = info.recentActions[0]?.action;
      if (action?.type !== 'startWorkflow') throw new Error('The schedule has started nothing.');
      return action.workflow.workflowId;
    },
    { timeout: 30_000, interval: 200 },
  );
}
