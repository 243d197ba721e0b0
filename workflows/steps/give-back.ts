import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { isOnTrial } from '../../planning/canary.ts';
import { whyHeld, type Hindrances } from '../../planning/leftover.ts';
import type { RejoinExpectation } from '../../planning/rejoin.ts';
import { withoutRoomAtHome } from '../../planning/return-home.ts';
import { inStartupOrder } from '../../planning/startup-order.ts';
import { explain } from './failures.ts';
import { inParallel } from './in-parallel.ts';
import type { NodeRun } from './node-run.ts';
import { look } from './trouble.ts';
import { undoOne, type UndoScene } from './undo-one.ts';
import { whyNotWell } from './well-enough.ts';

/**
 * Takes back all that is on the undo list: maintenance off, guests home. What fails is tried again a few times. What
 * cannot be undone within the time stays on the list, with the reason.
 */
export async function giveBack(
  run: NodeRun,
  within: Duration,
  which: (undo: Undo) => boolean = () => true,
): Promise<void> {
  const { retries, pause } = run.policy.onFailure;
  const end = Date.now() + toMilliseconds(within);
  const left = () => run.ledger.open().filter(which).length;
  await tryToGiveBack(run, within, which);
  for (let tries = 1; left() > 0 && tries <= retries; tries += 1) {
    const remaining = end - Date.now() - toMilliseconds(pause);
    if (remaining <= 0) break;
    await sleep(pause, { summary: `${run.node}: pause before ${left()} changes are tried again` });
    await tryToGiveBack(run, `${remaining} ms`, which);
  }
}

/**
 * The same once.
 *
 * @param which Asked anew before each stage, and again for each entry when its turn comes: those that wait within a stage
 *   may have been left to a person meanwhile.
 */
export async function tryToGiveBack(scene: UndoScene, within: Duration, which: (undo: Undo) => boolean): Promise<void> {
  const { ledger } = scene;
  const attempt = async (undo: Undo) => {
    if (!which(undo)) return;
    try {
      const found = await undoOne(scene, undo, within);
      if (found === null) ledger.settle(undo);
      else scene.overtaken(undo, found);
    } catch (error) {
      ledger.hold(undo, explain(error));
    }
  };
  for (const entries of ledger.stages()) {
    const stage = entries.filter(which);
    const stopped = stage.filter((entry) => entry.kind === 'guest-stopped');
    const away = stage.filter((entry) => entry.kind === 'guest-away');
    const rest = stage.filter((entry) => entry.kind !== 'guest-stopped' && entry.kind !== 'guest-away');
    await Promise.all([
      startInOrder(stopped, attempt),
      bringHome(scene, away, attempt),
      inParallel(rest, scene.policy.parallelMigrations, attempt),
    ]);
  }
}

/** Guests that others brought to the node meanwhile stay there; those of ours that no longer fit stay away. */
async function bringHome(
  scene: UndoScene,
  away: readonly Extract<Undo, { kind: 'guest-away' }>[],
  attempt: (undo: Undo) => Promise<void>,
): Promise<void> {
  if (away.length === 0) return;
  const { node, plan, policy, ledger } = scene;
  const vmids = away.map((undo) => undo.vmid);
  let tooMany: readonly number[];
  try {
    tooMany = withoutRoomAtHome(await look(scene), node, plan.moves, vmids, policy);
  } catch (error) {
    for (const undo of away) ledger.hold(undo, explain(error));
    return;
  }
  for (const undo of away.filter(({ vmid }) => tooMany.includes(vmid))) {
    const reason = `${undo.name} (${undo.vmid}) has no room on ${node} any more: guests that were brought there meanwhile take it`;
    ledger.hold(undo, reason);
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
export async function giveBackAfterFailure(run: NodeRun, before: NodeHealth | null): Promise<void> {
  if (run.ledger.open().length === 0) return;
  run.journal.enter('undoing');
  const sick = await whyNothingGoesBack(run, before);
  if (sick.length === 0) return giveBack(run, run.policy.timeouts.undo, (undo) => !isOnTrial(undo));
  const goes = holdBack(run, { sick, unarmed: [], quorate: true });
  await giveBack(run, LONG_ENOUGH_WITHOUT_THE_NODE, goes);
}

async function whyNothingGoesBack(run: NodeRun, before: NodeHealth | null): Promise<string[]> {
  if (run.reboot.mayStillEnd !== null) return ['a reboot was asked for and may still come'];
  const { node, policy } = run;
  const { timeouts } = policy;
  const expected = before === null ? null : asBefore(before, null);
  return whyNotWell({ node, timeouts, upgradeJob: run.upgradeJobs.at(-1) ?? null, expected }, timeouts);
}

/** Notes why entries stay for now; the result tells those that may go. */
export function holdBack({ node, ledger }: UndoScene, hindrances: Hindrances): (undo: Undo) => boolean {
  for (const undo of ledger.open()) {
    const reason = whyHeld(undo, node, hindrances);
    if (reason !== null) ledger.hold(undo, reason);
  }
  return (undo) => whyHeld(undo, node, hindrances) === null;
}

/** What is undone elsewhere is so at once, or not at all while the sick node keeps the cluster from its quorum. */
export const LONG_ENOUGH_WITHOUT_THE_NODE: Duration = '10 minutes';

/**
 * What proves that a node is as well as it was.
 *
 * @param mayStillEnd A boot that a reboot may still end: the node counts only once it is in another.
 */
export function asBefore(
  { activeServices, activeStorages }: Pick<NodeHealth, 'activeServices' | 'activeStorages'>,
  mayStillEnd: string | null,
): RejoinExpectation {
  return { bootIdBefore: mayStillEnd, kernel: null, services: activeServices, storages: activeStorages };
}
