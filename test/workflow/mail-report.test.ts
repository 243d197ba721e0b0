import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailId, rollingUpdateId, scheduledPlanId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import { aVm, theSoftware } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, until, type Run, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

/** Lets the worker live on after the run until the mail has been handed over. */
function untilMailed(world: World): (run: Run<RollReport>) => Promise<void> {
  return async (run) => {
    await run.report.catch(() => undefined);
    await until(() => world.mails.length > 0);
    await environment.client.workflow.getHandle(mailId(world.mails[0]?.id ?? '')).result();
  };
}

/** Kinds of the runs that a run has started. */
async function startedBy({ handle }: Run<RollReport>): Promise<string[]> {
  const { events = [] } = await handle.fetchHistory();
  return (events ?? []).flatMap(
    ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) => child?.workflowType?.name ?? [],
  );
}

describe('the mail about a run', () => {
  it('is one, for the run as a whole, and tells how long guests were down', async () => {
    const world = aWorld([aVm(100)]);
    world.downtimes = { 100: { milliseconds: 104, certainty: 'measured', stillDown: false } };
    const report = await roll(environment, world, { meanwhile: untilMailed(world) });
    expect(report.nodes[0]?.guests[0]).toMatchObject({ vmid: 100, at: 'home', downtime: { milliseconds: 104 } });
    expect(report.nodes[0]?.guests[0]?.leftAt).not.toBeNull();
    expect(world.mails).toHaveLength(1);
    const [mail] = world.mails;
    expect(mail?.subject).toBe(`Rolling update of ${world.name}: 2 of 2 nodes updated, 0 rebooted`);
    expect(mail?.text).toMatch(/100 vm-100 +live .* 104 ms/);
    expect(mail?.html).toContain('104 ms');
  });

  it('says what failed and on which node', async () => {
    const world = aWorld();
    world.before.upgradeNode = ({ node }) => {
      if (node === 'pve2')
        throw ApplicationFailure.nonRetryable('dpkg: error processing package pve-manager', 'UpgradeFailed');
    };
    const ending = await failureOf(roll(environment, world, { meanwhile: untilMailed(world) }));
    expect(ending.type).toBe('RollFailed');
    expect(world.mails.map(({ subject }) => subject)).toEqual([
      `FAILED: rolling update of ${world.name}: pve2: dpkg: error processing package pve-manager`,
    ]);
  });

  it('comes for a run that was refused, and for one that was canceled', async () => {
    const refused = aWorld([aVm(100, { lock: 'backup' })]);
    await failureOf(roll(environment, refused, { meanwhile: untilMailed(refused) }));
    expect(refused.mails[0]?.subject).toMatch(/^REFUSED: rolling update of .*: vm-100 \(100\)/);

    const canceled = aWorld([], { approval: 'plan' });
    const ending = await failureOf(
      roll(environment, canceled, {
        meanwhile: async (run) => {
          await run.handle.cancel();
          await untilMailed(canceled)(run);
        },
      }),
    );
    expect(ending.canceled).toBe(true);
    expect(canceled.mails.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/^ABORTED: rolling update of /) as string,
    ]);
  });

  it('comes for a plan that a schedule has made, with what would be done and what is in its way', async () => {
    const world = aWorld([aVm(100, { lock: 'snapshot' })]);
    const id = `${scheduledPlanId(world.name)}-2026-12-05T08:00:00Z`;
    const report = await roll(environment, world, {
      id,
      input: [{ dryRun: true }],
      meanwhile: untilMailed(world),
    });
    expect(report.outcome).toBe('planned');
    expect(world.changes()).toEqual([]);
    const [mail] = world.mails;
    expect(mail?.subject).toBe(`Rolling update of ${world.name}: ${report.reason}`);
    expect(mail?.text).toMatch(/^Takes +about /m);
    expect(mail?.text).toMatch(/^ *pve1 +update +\d+ +/m);
    expect(mail?.text).toMatch(/In its way[^]*vm-100 \(100\) is locked \(snapshot\)/);
  });

  it('says of a scheduled run that failed that its schedule may be paused', async () => {
    const world = aWorld([aVm(100, { lock: 'backup' })]);
    const id = `${rollingUpdateId(world.name)}-2026-12-05T02:00:00Z`;
    await failureOf(roll(environment, world, { id, meanwhile: untilMailed(world) }));
    expect(world.mails[0]?.text.replaceAll(/\s+/g, ' ')).toContain('caretaker schedules resume node-update');
    const byHand = aWorld([aVm(100, { lock: 'backup' })]);
    await failureOf(roll(environment, byHand, { meanwhile: untilMailed(byHand) }));
    expect(byHand.mails[0]?.text).not.toContain('schedules resume');
  });

  it('does not come for a scheduled plan with nothing to do', async () => {
    const upToDate = aWorld();
    for (const node of upToDate.nodes) upToDate.software.set(node, theSoftware(node));
    const id = `${scheduledPlanId(upToDate.name)}-2026-12-05T08:00:00Z`;
    const children: string[] = [];
    await roll(environment, upToDate, {
      id,
      input: [{ dryRun: true }],
      meanwhile: async (run) => {
        await run.report;
        children.push(...(await startedBy(run)));
      },
    });
    expect(children).toEqual([]);
  });

  it('does not come for a dry run, nor when there was nothing to do', async () => {
    const children: string[] = [];
    const look = async (run: Run<RollReport>) => {
      await run.report;
      children.push(...(await startedBy(run)));
    };
    await roll(environment, aWorld(), { input: [{ dryRun: true }], meanwhile: look });
    const upToDate = aWorld();
    for (const node of upToDate.nodes) upToDate.software.set(node, theSoftware(node));
    await roll(environment, upToDate, { meanwhile: look });
    expect(children).toEqual([]);
  });

  it('holds up nothing while the mail server is away, and comes when it is back', async () => {
    const world = aWorld();
    let away = true;
    world.before.sendMail = () => {
      if (away) throw ApplicationFailure.retryable('connection refused', 'RemoteUnavailable');
    };
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        expect((await run.report).outcome).toBe('done');
        await until(() => world.mails.length > 0);
        away = false;
        await environment.client.workflow.getHandle(mailId(world.mails[0]?.id ?? '')).result();
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('is refused by the server without any harm to the run', async () => {
    const world = aWorld();
    world.before.sendMail = () => {
      throw ApplicationFailure.nonRetryable('mail server: refuses the mail: 552 too large', 'RemoteRefused');
    };
    let mailed: Promise<unknown> = Promise.resolve();
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await run.report;
        await until(() => world.mails.length > 0);
        mailed = environment.client.workflow.getHandle(mailId(world.mails[0]?.id ?? '')).result();
        await mailed.catch(() => undefined);
      },
    });
    expect(report.outcome).toBe('done');
    expect(await failureOf(mailed as Promise<never>)).toMatchObject({ type: 'RemoteRefused' });
  });

  it('loses the figures of downtime, not the update, when the task lists cannot be read', async () => {
    const world = aWorld([aVm(100)]);
    world.before.measureDowntime = () => {
      throw ApplicationFailure.nonRetryable('Permission check failed (/nodes/pve1, Sys.Audit)', 'RemoteRefused');
    };
    const report = await roll(environment, world, { meanwhile: untilMailed(world) });
    expect(report.outcome).toBe('done');
    expect(report.nodes[0]?.guests[0]?.downtime).toBeNull();
    expect(report.nodes[0]?.warnings).toEqual([
      'How long the guests of pve1 were down is not known: Permission check failed (/nodes/pve1, Sys.Audit)',
    ]);
  });
});
