import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect } from 'vitest';
import type { PolicyOverrides } from '../../../domain/policy.ts';
import type { RollReport } from '../../../domain/report.ts';
import { smallSite, type Site } from '../../../lab/site.ts';
import type { RollLab } from '../../../scripts/lib/roll-lab.ts';
import { rollLab } from '../roll-lab.ts';
import { startRoll } from '../rolls.ts';
import { breachesOf, openUndoOf, sceneOf, type RollEnd } from './judge.ts';
import { withEvidence } from './evidence.ts';
import { Supervisor, type Supervision } from './boundaries.ts';

/** A roll that has not ended by then hangs. */
const PATIENCE_MS = 840_000;

/** Real time that a loaded machine needs for what takes some minutes of the lab. */
const POLICY: PolicyOverrides = {
  timeouts: {
    migration: '2 minutes',
    guestShutdown: '2 minutes',
    haMove: '2 minutes',
    // The upgrade's job counts them by the clock of the lab, forty times as fast.
    upgrade: '20 minutes',
    reboot: '2 minutes',
    rejoin: '2 minutes',
    undo: '2 minutes',
  },
};

export interface DisturbedRollOptions extends Supervision {
  readonly site: Site;
  /** Called before the roll starts. */
  readonly disturb?: (roll: RollLab) => void;
  /** Where the roll's Temporal is; the one that all tests share by default. */
  readonly temporalAddress?: string;
}

export interface DisturbedRoll {
  readonly end: RollEnd;
  /** What must not have happened, judged by the lab. */
  readonly breaches: readonly string[];
  readonly supervisor: Supervisor;
  readonly roll: RollLab;
}

/**
 * Rolls a cluster of its own under a disturbance, judges it, and hands both to `look`, which throws when it is not
 * content. The folder with the evidence of a failure is named in its message.
 */
export async function disturbedRoll<T>(
  options: DisturbedRollOptions,
  look: (done: DisturbedRoll) => T | Promise<T>,
): Promise<T> {
  const { site, disturb, temporalAddress } = options;
  const roll = await rollLab({ site, policy: POLICY, ...(temporalAddress ? { temporalAddress } : {}) });
  const supervisor = new Supervisor(roll, options);
  let end: RollEnd | undefined;
  try {
    const before = sceneOf(roll.lab);
    await supervisor.start();
    disturb?.(roll);
    end = await endOf(await startRoll(roll));
    await untilStill(roll);
    return await look({ end, breaches: breachesOf(roll.lab, before, end), supervisor, roll });
  } catch (error) {
    throw await withEvidence(error, { roll, supervisor, end });
  } finally {
    supervisor.end();
    await roll.close();
  }
}

/** The roll has come to its good end, with nothing done twice and nothing left behind. */
export function expectDone({ breaches, end }: DisturbedRoll): void {
  expect(breaches).toEqual([]);
  expect(end).toMatchObject({ outcome: 'done' });
  expect(openUndoOf(end)).toEqual([]);
}

/** Waits for the end through outages of Temporal. */
export async function endOf(handle: WorkflowHandle<() => Promise<RollReport>>): Promise<RollEnd> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    try {
      const report = await Promise.race([handle.result(), sleep(deadline - Date.now(), null, { ref: false })]);
      if (report !== null) return { outcome: report.outcome, report, message: report.reason };
    } catch (error) {
      if (error instanceof WorkflowFailedError) return failedEnd(error);
      if (!(error instanceof ServiceError)) throw error;
      await sleep(200);
    }
  }
  throw new Error(`The roll has not ended within ${PATIENCE_MS / 1_000} seconds.`);
}

function failedEnd(error: WorkflowFailedError): RollEnd {
  const { cause } = error;
  const report = cause instanceof ApplicationFailure ? (cause.details?.[0] as RollReport | undefined) : undefined;
  return { outcome: report?.outcome ?? 'failed', report: report ?? null, message: cause?.message ?? '' };
}

/** What a run has left behind at work is part of what it did. */
async function untilStill({ lab }: RollLab): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (lab.cluster.tasks.all.some((task) => task.running) && Date.now() < deadline) await sleep(50);
}

/** Two nodes that boot in half a minute: a sweep waits for many boots. */
export function quickPair(): Site {
  return quick(smallSite());
}

/** Three nodes with every guest under HA. */
export function quickHaTrio(): Site {
  return quick(smallSite({ nodes: 3, ha: true }));
}

function quick(site: Site): Site {
  return { ...site, nodes: site.nodes.map((node) => ({ ...node, bootMs: 30_000, shutdownMs: 5_000 })) };
}
