import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Question } from '../../domain/decision.ts';
import { smallSite } from '../../lab/site.ts';
import type { FaultBehavior } from '../../lab/core/faults.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, places, startRoll } from '../helpers/rolls.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Container 101 lives on pve1 and does not get away from there. */
const OUT_OF_MEMORY: FaultBehavior = (point) =>
  point.at === 'task' && point.type === 'vzmigrate' && point.id === '101' && point.node === 'pve1'
    ? { do: 'error', reason: 'migration aborted: unable to start container on target node: Cannot allocate memory' }
    : undefined;

describe('a guest whose target runs out of memory', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('fails to migrate twice and then succeeds, and the run with it, under the policy "retry"', async () => {
    roll = await rollLab({ site: smallSite(), policy: { onFailure: { guestMove: 'retry', pause: '100 ms' } } });
    const before = places(roll);
    // An attempt gives up after three tasks that ended badly.
    roll.lab.faults.once(OUT_OF_MEMORY, 6);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    expect(roll.lab.log.of('fault.error')).toHaveLength(6);
    expectRolledOnce(roll, before);
  });

  it('is shut down instead when a person says so at the CLI', async () => {
    roll = await rollLab({ site: smallSite(), policy: { onFailure: { guestMove: 'ask' } } });
    const before = places(roll);
    roll.lab.faults.add(OUT_OF_MEMORY);
    await roll.startWorker();
    const handle = await startRoll(roll);

    const question = await vi.waitFor(
      async () => {
        const open = await handle.query<Question | null>('question');
        if (open === null) throw new Error('No question is open yet.');
        return open;
      },
      { timeout: 60_000, interval: 200 },
    );
    expect(question.text).toContain('Cannot allocate memory');
    const args = ['scripts/caretaker.mjs', 'decide', question.id, 'shutdown-guest'];
    const { stdout } = await run(process.execPath, args, { cwd: ROOT, env: roll.env });

    expect(stdout).toBe('shutdown-guest it is.\n');
    const report = await handle.result();
    expect(report.outcome).toBe('done');
    expect(report.nodes[0]?.decisions).toMatchObject([{ answer: 'shutdown-guest', by: 'person' }]);
    expectRolledOnce(roll, before);
  });

  it('stops the run when nobody answers in time, with everything back in its place', async () => {
    roll = await rollLab({
      site: smallSite(),
      policy: { onFailure: { guestMove: 'ask' }, timeouts: { decision: '1 second' } },
    });
    const before = places(roll);
    roll.lab.faults.add(OUT_OF_MEMORY);
    await roll.startWorker();

    const failure: unknown = await (await startRoll(roll)).result().catch((error: unknown) => error);

    expect(failure).toMatchObject({ cause: { type: 'RollFailed' } });
    expect(places(roll)).toEqual(before);
    expect(roll.lab.monitor.violations()).toEqual([]);
    expect(roll.lab.log.of('upgrade.start', 'reboot.request')).toEqual([]);
  });

  it('has its node skipped under the policy "skip-node": the others are updated, at most one away at any time', async () => {
    roll = await rollLab({ site: smallSite({ nodes: 3 }), policy: { onFailure: { guestMove: 'skip-node' } } });
    const before = places(roll);
    roll.lab.faults.add(OUT_OF_MEMORY);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.nodes.map(({ node, outcome }) => [node, outcome])).toEqual([
      ['pve1', 'skipped'],
      ['pve2', 'updated'],
      ['pve3', 'updated'],
    ]);
    expect(places(roll)).toEqual(before);
    expect(roll.lab.monitor.violations()).toEqual([]);
    expect(roll.lab.log.of('upgrade.start').map((event) => event.subject)).toEqual(['node/pve2', 'node/pve3']);
  });
});

describe('a guest that ignores its shutdown', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('is never killed: the run tidies up and stops', async () => {
    const site = smallSite();
    const guests = site.guests.map((guest) => (guest.vmid === 201 ? { ...guest, ignoresShutdown: true } : guest));
    roll = await rollLab({
      site: { ...site, guests },
      policy: {
        guests: { rules: [{ vmids: [201], treatment: 'shutdown' }] },
        timeouts: { guestShutdown: '8 seconds' },
      },
    });
    const before = places(roll);
    await roll.startWorker();

    const failure: unknown = await (await startRoll(roll)).result().catch((error: unknown) => error);

    expect(failure).toMatchObject({ cause: { message: expect.stringContaining('to shut down') as string } });
    expect(places(roll)).toEqual(before);
    expect(roll.lab.log.of('upgrade.start', 'reboot.request')).toEqual([]);
    expect(roll.lab.log.of('task.start').filter((event) => event.detail['type'] === 'qmstop')).toEqual([]);
  });
});

describe('a migration whose task lies', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('fails although the guest has moved: the guest counts as moved and is migrated once', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    // The worker of the task loses its node's answer after the guest has arrived: the status of the task is untrue.
    roll.lab.faults.add((point) =>
      point.at === 'api' &&
      point.phase === 'after' &&
      /\/tasks\/UPID:pve1:[^/]*:vzmigrate:101:[^/]*\/status$/.test(point.path)
        ? lieAbout(point.path, 'migration problems')
        : undefined,
    );
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    expect(roll.lab.log.of('fault.lie').length).toBeGreaterThan(0);
    expectRolledOnce(roll, before);
  });

  /** Only once the guest is there; before that the truth, which the lab tells itself. */
  function lieAbout(path: string, exitstatus: string) {
    if (roll.lab.guest(101).node === 'pve1') return undefined;
    const upid = path.split('/').at(-2) ?? '';
    return {
      do: 'lie',
      body: { upid, node: 'pve1', type: 'vzmigrate', id: '101', status: 'stopped', exitstatus },
    } as const;
  }
});
