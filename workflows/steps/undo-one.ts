import { ApplicationFailure } from '@temporalio/workflow';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { Undo } from '../../domain/undo.ts';
import { backOnFallback, notProven, pinnedByOthers } from '../../planning/canary.ts';
import type { UndoPolicy } from '../../planning/leftover.ts';
import { waitingActivities, type quickActivities } from './activities.ts';
import { explain, failureType } from './failures.ts';
import type { NodeJournal } from './node-journal.ts';
import { syncBeforeMove } from './replicate.ts';
import type { UndoLedger } from './undo-ledger.ts';

type UndoOf<Kind extends Undo['kind']> = Extract<Undo, { kind: Kind }>;

/** What undoing needs to know of the run that made the change, and where it tells what became of the guests. */
export interface UndoScene {
  readonly node: string;
  readonly plan: Pick<NodePlan, 'moves'>;
  readonly policy: UndoPolicy;
  readonly ledger: UndoLedger;
  readonly journal: Pick<NodeJournal, 'guest' | 'warn'>;
  readonly quick: ReturnType<typeof quickActivities>;
  /** Takes an entry off the list that `undoOne` has not taken back, for that reason. */
  overtaken(undo: Undo, reason: string): void;
}

/**
 * Takes back one change, within a time of its own. What somebody else has changed meanwhile stays as it is: then the
 * result says what was found instead.
 */
export async function undoOne(scene: UndoScene, undo: Undo, within: Duration): Promise<string | null> {
  try {
    return (await takeBack(scene, undo, within)) ?? null;
  } catch (error) {
    if (failureType(error) !== ErrorType.GuestGone) throw error;
    return explain(error);
  }
}

async function takeBack(scene: UndoScene, undo: Undo, within: Duration): Promise<string | null | void> {
  switch (undo.kind) {
    case 'maintenance':
      return leaveMaintenance(scene, undo, within);
    case 'ha-armed':
      return armHa(scene, within);
    case 'ceph-noout':
      return clearNoout(scene, undo, within);
    case 'kernel-pin':
      return unpinKernel(scene, undo, within);
    case 'backup-job':
      return enableBackupJob(scene, undo, within);
    case 'guest-away':
      return bringHome(scene, undo, within);
    case 'guest-stopped':
      return startAgain(scene, undo, within);
  }
}

async function leaveMaintenance(scene: UndoScene, { node }: UndoOf<'maintenance'>, within: Duration): Promise<void> {
  await waitingActivities(scene.policy.timeouts, within).ensureMaintenance.executeWithOptions(
    { summary: `${node}: HA maintenance off` },
    [{ node, on: false, within }],
  );
  await awaitHaGuestsHome(scene);
}

async function armHa({ policy }: UndoScene, within: Duration): Promise<void> {
  await waitingActivities(policy.timeouts, within).ensureHaArmed.executeWithOptions({ summary: 'arm HA again' }, [
    { armed: true, within },
  ]);
}

async function clearNoout({ policy }: UndoScene, { node }: UndoOf<'ceph-noout'>, within: Duration): Promise<void> {
  await waitingActivities(policy.timeouts, within).ensureCephNoout.executeWithOptions(
    { summary: `${node}: let Ceph mark its OSDs out again` },
    [{ node, on: false, within }],
  );
}

async function unpinKernel(scene: UndoScene, undo: UndoOf<'kernel-pin'>, within: Duration): Promise<string | null> {
  const { node, bootId, tries, fallback, trial } = undo;
  const end = await waitingActivities(scene.policy.timeouts, within).endKernelCanary.executeWithOptions(
    { summary: `${node}: unpin its kernels` },
    [{ node, bootId, tries, fallback, proven: trial === 'proven', within }],
  );
  if (end === 'undecided') throw ApplicationFailure.nonRetryable(`${notProven(undo)}.`, ErrorType.KernelNotProven);
  if (end === 'fallback-stays') return backOnFallback(undo);
  return end === 'pinned-by-others' ? pinnedByOthers(node) : null;
}

async function enableBackupJob(
  scene: UndoScene,
  { id }: UndoOf<'backup-job'>,
  within: Duration,
): Promise<string | null> {
  const still = await waitingActivities(scene.policy.timeouts, within).ensureBackupJob.executeWithOptions(
    { summary: `enable the backup job ${id} again` },
    [{ id, enabled: true, within }],
  );
  return still ? null : `the backup job ${id} was removed by somebody else`;
}

async function bringHome(scene: UndoScene, undo: UndoOf<'guest-away'>, within: Duration): Promise<string | null> {
  const { journal, policy } = scene;
  const { vmid, guestKind: kind, name, home, away, withLocalDisks, replicated } = undo;
  journal.guest(vmid, 'returning', away);
  await syncBeforeMove({ vmid, name, replicated, from: away, to: home }, policy).catch((error: unknown) =>
    // It goes home all the same: the migration itself copies what the replication has not.
    journal.warn(explain(error)),
  );
  const moved = await waitingActivities(policy.timeouts, within).moveGuest.executeWithOptions(
    { summary: `${name} (${vmid}): ${away} → ${home}` },
    [{ vmid, kind, name, from: away, to: home, withLocalDisks, within }],
  );
  journal.guest(vmid, moved.node === home ? 'home' : 'away', moved.node);
  if (moved.node === home) return null;
  return moved.node === away
    ? `${name} (${vmid}) was stopped by somebody else on ${away} and stays there`
    : `${name} (${vmid}) was moved to ${moved.node} by somebody else and stays there`;
}

async function startAgain(scene: UndoScene, undo: UndoOf<'guest-stopped'>, within: Duration): Promise<void> {
  const { journal, policy } = scene;
  const { vmid, guestKind: kind, name, home } = undo;
  await waitingActivities(policy.timeouts, within).ensureGuestRunning.executeWithOptions(
    { summary: `${home}: start ${name} (${vmid})` },
    [{ vmid, kind, name, node: home, within }],
  );
  journal.guest(vmid, 'home', home);
}

/** The HA manager decides where its guests run: if it has good reasons to keep them away, that is worth a warning. */
async function awaitHaGuestsHome({ node, plan, policy, journal }: UndoScene): Promise<void> {
  const byHa = plan.moves.filter((move) => move.how === 'ha');
  if (byHa.length === 0) return;
  const within = policy.timeouts.haMove;
  try {
    const places = await waitingActivities(policy.timeouts, within).awaitHaGuestsHome.executeWithOptions(
      { summary: `${node}: wait until HA has brought ${byHa.length} guests home` },
      [{ node, vmids: byHa.map((move) => move.vmid), within }],
    );
    for (const place of places) journal.guest(place.vmid, place.node === node ? 'home' : 'away', place.node);
  } catch (error) {
    journal.warn(`HA has not brought all guests back to ${node}: ${explain(error)}`);
  }
}
