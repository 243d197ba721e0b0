import type { WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { rollingUpdateId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import type { LabEvent } from '../../lab/core/event-log.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';

type RollHandle = WorkflowHandle<(input?: PolicyOverrides) => Promise<RollReport>>;

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
export function places(roll: RollLab): Record<number, string> {
  return Object.fromEntries(
    roll.lab.access.guests.map(({ vmid }) => {
      const guest = roll.lab.guest(vmid);
      return [vmid, `${guest.running ? 'running' : 'stopped'} on ${guest.node}`];
    }),
  );
}

/** What must hold after a roll of all nodes, however it was disturbed, judged by the lab alone. */
export function expectRolledOnce(roll: RollLab, before: Record<number, string>): void {
  const { lab } = roll;
  expect(lab.monitor.violations()).toEqual([]);
  expect(lab.schemaViolations).toEqual([]);
  expect(places(roll)).toEqual(before);
  for (const { name } of lab.access.nodes) {
    expect(count(roll, 'upgrade.start', name), `upgrades of ${name}`).toBe(1);
    expect(count(roll, 'node.boot', name), `boots of ${name}`).toBe(1);
  }
  for (const { vmid } of lab.access.guests) {
    const moves = lab.log.of('guest.migrated').filter((event) => event.subject.endsWith(`/${vmid}`));
    expect(moves.map((event) => event.detail['to']).sort(), `moves of ${vmid}`).toEqual(
      [...new Set(moves.map((event) => event.detail['to']))].sort(),
    );
  }
}

function count(roll: RollLab, action: string, node: string): number {
  return roll.lab.log.of(action).filter((event) => event.subject === `node/${node}`).length;
}
