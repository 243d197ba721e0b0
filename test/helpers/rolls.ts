import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { expect } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { rollingUpdateId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import type { LabEvent } from '../../lab/core/event-log.ts';
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
