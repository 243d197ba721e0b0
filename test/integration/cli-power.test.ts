import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { powerGuardId, powerOutageId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { GuardStatus, OutageReport } from '../../domain/outage.ts';
import type { PowerPlan } from '../../domain/power-plan.ts';
import { smallSite } from '../../lab/index.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import type { WorkerProcess } from '../../scripts/lib/worker-process.ts';
import { runCli } from '../../scripts/cli/program.ts';
import type { CliAnswer } from '../helpers/cli.ts';
import { rollLab } from '../helpers/roll-lab.ts';

let roll: RollLab;
let worker: WorkerProcess;

beforeAll(async () => {
  roll = await rollLab({ site: smallSite() });
  worker = await roll.startWorker({ args: ['power'] });
  const guard = roll.client.workflow.getHandle(powerGuardId('ups'));
  await vi.waitUntil(
    async () => (await guard.query<GuardStatus>(Message.progress).catch(() => null))?.verdict?.mains === 'on',
    { timeout: 30_000 },
  );
});
afterAll(() => roll.close());

async function power(...args: string[]): Promise<CliAnswer> {
  return caretaker('power', ...args);
}

async function caretaker(...args: string[]): Promise<CliAnswer> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    env: roll.env,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

/** Requests that change something: all but reads. */
function changes(): string[] {
  return roll.lab.log
    .of('api.request')
    .filter(({ detail }) => detail['method'] !== 'GET')
    .map(({ detail }) => `${String(detail['method'])} ${String(detail['path'])}`);
}

const READS = ['uname -r', 'cat /proc/sys/kernel/random/boot_id', 'pvecm status'];

function commands(): string[] {
  return roll.lab.log
    .of('command.run')
    .map(({ detail }) => [detail['name'], ...(detail['args'] as readonly string[])].join(' '));
}

describe('on mains', () => {
  it('power status says what the UPS says, and that no power cut is remembered', async () => {
    const { code, out } = await power('status');
    expect(code).toBe(0);
    expect(out).toMatch(/ups of .* {2}✔ on mains/);
    expect(out).toMatch(/OL.*charge 100 %/);
    expect(out).toContain('No power cut of');
  });

  it('power plan shows both phases of the site, its quorum, and what is expected of the battery', async () => {
    const { code, out } = await power('plan');
    expect(code).toBe(0);
    expect(out).toMatch(/phase 1: .*\n(.*\n)*.*phase 2: pve2 \(.*\n(.*\n)*.*phase 3: pve1 \(/);
    expect(out).toContain('without pve2 only 1 of 2 needed votes are left');
    const json = JSON.parse((await power('plan', '--json')).out) as { readonly report: PowerPlan };
    expect(json.report.timeLine.steps.map(({ phase }) => phase)).toContain('empty');
  });

  it('power rehearse goes through all phases and asks nobody to change anything', async () => {
    const before = changes().length;
    const { code, out } = await power('rehearse');
    expect(code).toBe(0);
    expect(out).toContain('rehearsed, nothing was changed');
    expect(out).toMatch(/phase 2: [^]*pve2: [^]*phase 3: [^]*pve1: /);
    expect(changes().slice(before)).toEqual([]);
    expect(commands().filter((line) => !READS.includes(line))).toEqual([]);
  });

  it('a rehearsal under the id of an outage is refused, for it would stand in the way of a real one', async () => {
    const run = await roll.client.workflow.start('powerOutage', {
      taskQueue: 'power',
      workflowId: powerOutageId('ups'),
      args: [],
    });
    await expect(run.result()).rejects.toThrow();
    expect((await power('status')).out).toContain('A rehearsal cannot have the id of an outage');
  });

  it.each(['hold', 'shed', 'final', 'abort', 'retry'])(
    'power %s is refused, for there is no power cut',
    async (name) => {
      const { code, err } = await power(name, ...(name === 'hold' || name === 'retry' ? [] : ['--yes']));
      expect(code).toBe(1);
      expect(err).toContain('No power cut is being answered');
    },
  );

  it('doctor finds everything that the lab has, and what it lacks with the remedy', async () => {
    const { code, out } = await caretaker('doctor');
    expect(out).toMatch(/✔ watch of ups +at work/);
    expect(out).toMatch(/✔ API of pve1 +Proxmox VE/);
    expect(out).toMatch(/✔ SSH to pve2 +answers/);
    expect(out).toMatch(/✔ waking pve2 +by magic packet/);
    // Nobody works on the queue of maintenance here.
    expect(out).toMatch(/✘ worker of maintenance +none asks for work\. Start it: npm run worker/);
    expect(code).toBe(1);
  });
});

describe('in a power cut', () => {
  it('a person holds the phase, orders the next one, and is told how it went', async () => {
    const { device } = roll.lab.ups;
    device.setMains(false);
    await expect.poll(async () => (await power('status')).out, { timeout: 30_000 }).toMatch(/Power cut of .*phase 1/);
    expect((await power('hold')).out).toContain('Time alone begins no further phase');
    const unsure = await power('shed');
    expect(unsure).toMatchObject({ code: 1 });
    expect(unsure.err).toMatch(/To agree: .* power shed --yes/);
    expect((await power('shed', '--yes')).out).toContain('Phase 2 begins now');
    await expect.poll(() => roll.lab.node('pve2').machine.power, { timeout: 60_000 }).toBe('off');
    expect((await power('release')).out).toContain('Time counts again');
    expect((await power('retry')).err).toContain('Nothing is being brought back');
    const following = power('status', '--follow');
    device.setMains(true);
    const { code, out } = await following;
    expect(code).toBe(0);
    expect(out).toContain('all as before');
    const json = JSON.parse((await power('report', '--json')).out) as { readonly report: OutageReport };
    expect(json.report).toMatchObject({
      outcome: 'restored',
      highestPhase: 'shed',
      nodes: { pve2: 'back' },
    });
    expect((await power('status')).out).toMatch(/The last power cut, .*all as before/);
  });
});

describe('with nobody watching', () => {
  it('power status and doctor say so, and how to have it watched again', async () => {
    await roll.client.workflow.getHandle(powerGuardId('ups')).terminate('by the test');
    const { code, out } = await power('status');
    expect(code).toBe(1);
    expect(out).toContain('Nobody watches ups: power-guard/ups does not run. Start the worker of power');
    expect((await caretaker('doctor')).out).toMatch(/✘ watch of ups +Nobody watches ups/);
    await worker.end('SIGTERM');
  });
});
