import { ApplicationFailure } from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { missingForRejoin } from '../../planning/rejoin.ts';
import { inStartupOrder } from '../../planning/startup-order.ts';
import { waitingActivities } from './activities.ts';
import { explain, failureType } from './failures.ts';
import { inParallel } from './in-parallel.ts';
import type { NodeRun } from './node-run.ts';
import { upgradeJobId } from './renew.ts';
import { remedyFor, undoOne } from './undo-one.ts';

/**
 * Takes back all that is on the undo list: maintenance off, guests home. What cannot be undone in time is returned with
 * the reason, and stays undone for people to see.
 */
export async function giveBack(
  run: NodeRun,
  within: Duration,
  stages: readonly (readonly Undo[])[] = run.ledger.stages(),
): Promise<OpenUndo[]> {
  const open: OpenUndo[] = [];
  const attempt = async (undo: Undo) => {
    try {
      await undoOne(run, undo, within);
      run.ledger.settle(undo);
    } catch (error) {
      open.push({ undo, reason: explain(error), remedy: remedyFor(undo) });
    }
  };
  for (const stage of stages) {
    const stopped = stage.filter((entry) => entry.kind === 'guest-stopped');
    const rest = stage.filter((entry) => entry.kind !== 'guest-stopped');
    await Promise.all([startInOrder(stopped, attempt), inParallel(rest, run.policy.parallelMigrations, attempt)]);
  }
  return open;
}

/** A guest waits for those before it in the order of starting, whether they came up or not. */
async function startInOrder<T extends { readonly startupOrder: number | null }>(
  stopped: readonly T[],
  start: (undo: T) => Promise<void>,
): Promise<void> {
  for (const group of inStartupOrder(stopped)) await Promise.all(group.map(start));
}

/**
 * A guest that did not find its way home runs elsewhere, and a backup job that is still held back can be enabled later:
 * warnings. A guest that is still down, or a node still in maintenance, stops the line.
 */
export function whyNotLeftWell(open: readonly OpenUndo[]): ApplicationFailure | null {
  const serious = open.filter(({ undo }) => undo.kind !== 'guest-away' && undo.kind !== 'backup-job');
  if (serious.length === 0) return null;
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message: serious.map(({ reason, remedy }) => `${reason} ${remedy}`).join(' | '),
    nonRetryable: true,
  });
}

/**
 * The same after a failure. Guests go home only to a node that is well: they run where they are, and a sick node is no
 * place for them. Then all that concerns the node stays as it is, with a word about what to do.
 */
export async function giveBackAfterFailure(
  run: NodeRun,
  before: NodeHealth | null,
  error: unknown,
): Promise<OpenUndo[]> {
  if (run.ledger.open().length === 0) return [];
  const upgrading = run.journal.progress().phases.some(({ phase }) => phase === 'upgrading');
  run.journal.enter('undoing');
  const sick =
    failureType(error) === ErrorType.RebootNotProven
      ? ['a reboot was asked for and may still come']
      : [...(upgrading ? await whyStillUpgrading(run) : []), ...(before === null ? [] : await whyNotWell(run, before))];
  if (sick.length === 0) return giveBack(run, run.policy.timeouts.undo);
  const others = run.ledger.stages().map((stage) => stage.filter((undo) => !needsTheNode(undo)));
  const open = await giveBack(run, LONG_ENOUGH_WITHOUT_THE_NODE, others);
  const reason = `${run.node} is not well: ${sick.join(', ')}`;
  const held = run.ledger.open().filter(needsTheNode);
  return [...held.map((undo) => ({ undo, reason, remedy: remedyFor(undo) })), ...open];
}

/** What is undone elsewhere is so at once, or not at all while the sick node keeps the cluster from its quorum. */
const LONG_ENOUGH_WITHOUT_THE_NODE: Duration = '10 minutes';

function needsTheNode(undo: Undo): boolean {
  return undo.kind !== 'backup-job';
}

/** An upgrade that we lost sight of may still be at work: no moment to send guests to the node. */
async function whyStillUpgrading({ node, policy }: NodeRun): Promise<string[]> {
  const within = policy.timeouts.upgrade;
  try {
    await waitingActivities(policy.timeouts, within).awaitUpgradeOver.executeWithOptions(
      { summary: `${node}: make sure that its upgrade is over` },
      [{ node, jobId: upgradeJobId(), within }],
    );
    return [];
  } catch (error) {
    return [explain(error)];
  }
}

async function whyNotWell(run: NodeRun, before: NodeHealth): Promise<string[]> {
  const { node, policy } = run;
  const expected = {
    bootIdBefore: null,
    kernel: null,
    services: before.activeServices,
    storages: before.activeStorages,
  };
  try {
    const within = policy.timeouts.rejoin;
    const health = await waitingActivities(policy.timeouts, within).awaitRejoin.executeWithOptions(
      { summary: `${node}: see whether it is well enough to take its guests back` },
      [{ node, expected, within }],
    );
    return missingForRejoin(health, expected);
  } catch (error) {
    return [explain(error)];
  }
}
