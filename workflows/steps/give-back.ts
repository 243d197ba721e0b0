import { ApplicationFailure } from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { missingForRejoin } from '../../planning/rejoin.ts';
import { waitingActivities } from './activities.ts';
import { explain, failureType } from './failures.ts';
import { inParallel } from './in-parallel.ts';
import type { NodeRun } from './node-run.ts';
import { upgradeJobId } from './renew.ts';

/**
 * Takes back all that is on the undo list: maintenance off, guests home. What cannot be undone in time is returned with
 * the reason, and stays undone for people to see.
 */
export async function giveBack(run: NodeRun, within: Duration): Promise<OpenUndo[]> {
  const open: OpenUndo[] = [];
  const attempt = async (undo: Undo) => {
    try {
      await undoOne(run, undo, within);
      run.ledger.settle(undo);
    } catch (error) {
      open.push({ undo, reason: explain(error), remedy: remedyFor(undo) });
    }
  };
  const entries = run.ledger.open();
  for (const undo of entries.filter((entry) => entry.kind === 'maintenance')) await attempt(undo);
  await inParallel(
    entries.filter((entry) => entry.kind !== 'maintenance'),
    run.policy.parallelMigrations,
    attempt,
  );
  return open;
}

/**
 * A guest that did not find its way home runs elsewhere: a warning. One that is still down, or a node still in
 * maintenance, stops the line.
 */
export function whyNotLeftWell(open: readonly OpenUndo[]): ApplicationFailure | null {
  const serious = open.filter(({ undo }) => undo.kind !== 'guest-away');
  if (serious.length === 0) return null;
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message: serious.map(({ reason, remedy }) => `${reason} ${remedy}`).join(' | '),
    nonRetryable: true,
  });
}

/**
 * The same after a failure. Guests go home only to a node that is well: they run where they are, and a sick node is no
 * place for them. Then everything stays as it is, with a word about what to do.
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
  const reason = `${run.node} is not well: ${sick.join(', ')}`;
  return run.ledger.open().map((undo) => ({ undo, reason, remedy: remedyFor(undo) }));
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

async function undoOne(run: NodeRun, undo: Undo, within: Duration): Promise<void> {
  const { journal, policy } = run;
  const activities = waitingActivities(policy.timeouts, within);
  switch (undo.kind) {
    case 'maintenance':
      await activities.ensureMaintenance.executeWithOptions({ summary: `${undo.node}: HA maintenance off` }, [
        { node: undo.node, on: false, within },
      ]);
      await awaitHaGuestsHome(run);
      return;
    case 'guest-away': {
      const { vmid, guestKind: kind, name, home, away, withLocalDisks } = undo;
      journal.guest(vmid, 'returning', away);
      const moved = await activities.moveGuest.executeWithOptions({ summary: `${name} (${vmid}): ${away} → ${home}` }, [
        { vmid, kind, name, from: away, to: home, withLocalDisks, within },
      ]);
      if (moved.node !== home)
        journal.warn(`${name} (${vmid}) was moved to ${moved.node} by somebody else and stays there`);
      journal.guest(vmid, moved.node === home ? 'home' : 'away', moved.node);
      return;
    }
    case 'guest-stopped': {
      const { vmid, guestKind: kind, name, home } = undo;
      await activities.ensureGuestRunning.executeWithOptions({ summary: `${home}: start ${name} (${vmid})` }, [
        { vmid, kind, name, node: home, within },
      ]);
      journal.guest(vmid, 'home', home);
      return;
    }
  }
}

/** The HA manager decides where its guests run: if it has good reasons to keep them away, that is worth a warning. */
async function awaitHaGuestsHome(run: NodeRun): Promise<void> {
  const { node, plan, policy, journal } = run;
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

function remedyFor(undo: Undo): string {
  switch (undo.kind) {
    case 'maintenance':
      return `when the node is well: ha-manager crm-command node-maintenance disable ${undo.node}`;
    case 'guest-away':
      return undo.guestKind === 'qemu'
        ? `when ${undo.home} is well: qm migrate ${undo.vmid} ${undo.home} --online, on ${undo.away}`
        : `when ${undo.home} is well: pct migrate ${undo.vmid} ${undo.home} --restart, on ${undo.away}`;
    case 'guest-stopped':
      return `when ${undo.home} is well: ${undo.guestKind === 'qemu' ? 'qm' : 'pct'} start ${undo.vmid}, on ${undo.home}`;
  }
}
