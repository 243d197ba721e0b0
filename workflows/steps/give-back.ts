import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { missingForRejoin } from '../../planning/rejoin.ts';
import { withoutRoomAtHome } from '../../planning/return-home.ts';
import { inStartupOrder } from '../../planning/startup-order.ts';
import { waitingActivities } from './activities.ts';
import { explain } from './failures.ts';
import { inParallel } from './in-parallel.ts';
import type { NodeRun } from './node-run.ts';
import { awaitUpgradeOver } from './renew.ts';
import { look } from './trouble.ts';
import { remedyFor, undoOne } from './undo-one.ts';

/**
 * Takes back all that is on the undo list: maintenance off, guests home. What fails is tried again a few times. What
 * cannot be undone within the time is returned with the reason, and stays undone for people to see.
 */
export async function giveBack(
  run: NodeRun,
  within: Duration,
  which: (undo: Undo) => boolean = () => true,
): Promise<OpenUndo[]> {
  const { retries, pause } = run.policy.onFailure;
  const end = Date.now() + toMilliseconds(within);
  let open = await tryToGiveBack(run, within, which);
  for (let tries = 1; open.length > 0 && tries <= retries; tries += 1) {
    const left = end - Date.now() - toMilliseconds(pause);
    if (left <= 0) break;
    await sleep(pause, { summary: `${run.node}: pause before ${open.length} changes are tried again` });
    open = await tryToGiveBack(run, `${left} ms`, which);
  }
  return open;
}

async function tryToGiveBack(run: NodeRun, within: Duration, which: (undo: Undo) => boolean): Promise<OpenUndo[]> {
  const open: OpenUndo[] = [];
  const attempt = async (undo: Undo) => {
    try {
      await undoOne(run, undo, within);
      run.ledger.settle(undo);
    } catch (error) {
      open.push({ undo, reason: explain(error), remedy: remedyFor(undo) });
    }
  };
  for (const stage of run.ledger.stages().map((entries) => entries.filter(which))) {
    const stopped = stage.filter((entry) => entry.kind === 'guest-stopped');
    const away = stage.filter((entry) => entry.kind === 'guest-away');
    const rest = stage.filter((entry) => entry.kind !== 'guest-stopped' && entry.kind !== 'guest-away');
    await Promise.all([
      startInOrder(stopped, attempt),
      bringHome(run, away, attempt, open),
      inParallel(rest, run.policy.parallelMigrations, attempt),
    ]);
  }
  return open;
}

/** Guests that others brought to the node meanwhile stay there; those of ours that no longer fit stay away. */
async function bringHome(
  run: NodeRun,
  away: readonly Extract<Undo, { kind: 'guest-away' }>[],
  attempt: (undo: Undo) => Promise<void>,
  open: OpenUndo[],
): Promise<void> {
  if (away.length === 0) return;
  const { node, plan, policy } = run;
  const vmids = away.map((undo) => undo.vmid);
  let tooMany: readonly number[];
  try {
    tooMany = withoutRoomAtHome(await look(run), node, plan.moves, vmids, policy);
  } catch (error) {
    open.push(...away.map((undo) => ({ undo, reason: explain(error), remedy: remedyFor(undo) })));
    return;
  }
  for (const undo of away.filter(({ vmid }) => tooMany.includes(vmid))) {
    const reason = `${undo.name} (${undo.vmid}) has no room on ${node} any more: guests that were brought there meanwhile take it`;
    open.push({ undo, reason, remedy: remedyFor(undo) });
  }
  await inParallel(
    away.filter(({ vmid }) => !tooMany.includes(vmid)),
    policy.parallelMigrations,
    attempt,
  );
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
export async function giveBackAfterFailure(run: NodeRun, before: NodeHealth | null): Promise<OpenUndo[]> {
  if (run.ledger.open().length === 0) return [];
  run.journal.enter('undoing');
  const sick = run.reboot.mayStillCome
    ? ['a reboot was asked for and may still come']
    : [...(await whyStillUpgrading(run)), ...(before === null ? [] : await whyNotWell(run, before))];
  if (sick.length === 0) return giveBack(run, run.policy.timeouts.undo);
  const open = await giveBack(run, LONG_ENOUGH_WITHOUT_THE_NODE, (undo) => !needsTheNode(undo));
  const reason = `${run.node} is not well: ${sick.join(', ')}`;
  const held = run.ledger.open().filter(needsTheNode);
  return [...held.map((undo) => ({ undo, reason, remedy: remedyFor(undo) })), ...open];
}

/** What is undone elsewhere is so at once, or not at all while the sick node keeps the cluster from its quorum. */
const LONG_ENOUGH_WITHOUT_THE_NODE: Duration = '10 minutes';

function needsTheNode(undo: Undo): boolean {
  return undo.kind !== 'backup-job';
}

async function whyStillUpgrading(run: NodeRun): Promise<string[]> {
  try {
    await awaitUpgradeOver(run);
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
