import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { expect } from 'vitest';
import { ErrorType } from '../../domain/errors.ts';
import type { Finding } from '../../domain/finding.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { rollingUpdateId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import type { LabEvent } from '../../lab/core/event-log.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { breachesOf, sceneOf, type Scene } from './chaos/judge.ts';

type RollHandle = WorkflowHandleWithFirstExecutionRunId<(input?: PolicyOverrides) => Promise<RollReport>>;

/** Starts a rolling update of the lab's cluster, with the workflow id that people use. */
export function startRoll(roll: RollLab, input?: PolicyOverrides): Promise<RollHandle> {
  return roll.client.workflow.start<(input?: PolicyOverrides) => Promise<RollReport>>('rollingUpdate', {
    workflowId: rollingUpdateId(roll.lab.access.cluster),
    taskQueue: TaskQueue.maintenance,
    args: input ? [input] : [],
  });
}

/** Resolves with the first event that matches from now on. */
export function nextEvent(roll: RollLab, matches: (event: LabEvent) => boolean): Promise<LabEvent> {
  return new Promise((resolve) => {
    const unsubscribe = roll.lab.log.subscribe((event) => {
      if (!matches(event)) return;
      unsubscribe();
      resolve(event);
    });
  });
}

/** Where every guest is and whether it runs. */
export function places(roll: RollLab): Scene['places'] {
  return sceneOf(roll.lab).places;
}

/** What must hold after a roll of all nodes, however it was disturbed, judged by the lab alone. */
export function expectRolledOnce(roll: RollLab, before: Scene['places']): void {
  const done = { outcome: 'done', report: null, message: '' };
  expect(breachesOf(roll.lab, { places: before, traces: [] }, done)).toEqual([]);
}

/** The blockers of a roll that is refused before it has touched anything. */
export async function refusalOf(roll: RollLab): Promise<Finding[]> {
  const { log } = roll.lab;
  const before = log.events.length;
  const handle = await startRoll(roll);
  const failure = await handle.result().then(
    () => undefined,
    (error: { cause?: { type?: string; details?: [RollReport] } }) => error.cause,
  );
  expect(failure?.type).toBe(ErrorType.Refused);
  const changes = log.of('guest.migrated', 'guest.stop', 'ha.command', 'upgrade.start', 'reboot.request');
  expect(changes.filter(({ seq }) => seq >= before)).toEqual([]);
  const plan = failure?.details?.[0].plan;
  return plan ? blockersIn(findingsOf(plan)) : [];
}
