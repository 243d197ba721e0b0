import type { GuestMove } from '../../domain/plan.ts';
import type { Undo } from '../../domain/undo.ts';
import { inStartupOrder } from '../../planning/startup-order.ts';
import { waitingActivities } from './activities.ts';
import { inParallel } from './in-parallel.ts';
import type { NodeRun } from './node-run.ts';
import { recovering } from './recover.ts';
import { syncBeforeMove } from './replicate.ts';
import { guestTrouble, nodeTrouble } from './trouble.ts';

/** Sets the HA maintenance flag, so that the HA manager moves its guests away and starts none on the node. */
export async function enterMaintenance(run: NodeRun): Promise<void> {
  const { node, plan, policy, ledger, journal } = run;
  journal.enter('maintenance');
  const byHa = plan.moves.filter((move) => move.how === 'ha');
  await inParallel(byHa, policy.parallelMigrations, (move) =>
    syncBeforeMove({ ...move, from: node, to: null }, policy),
  );
  ledger.add({ kind: 'maintenance', node });
  const { haMove } = policy.timeouts;
  await waitingActivities(policy.timeouts, haMove).ensureMaintenance.executeWithOptions(
    { summary: `${node}: HA maintenance on` },
    [{ node, on: true, within: haMove }],
  );
}

/** Gets every running guest off the node or, where the policy says so, shuts it down or leaves it. */
export async function drain(run: NodeRun): Promise<void> {
  const { node, plan, policy, operator, journal } = run;
  journal.enter('draining');
  const send = async (move: GuestMove) => {
    await operator.safePoint();
    await sendAway(run, move);
  };
  const moving = plan.moves.filter((move) => move.how === 'live' || move.how === 'restart');
  await inParallel(moving, policy.parallelMigrations, send);
  // Last, so that they are down as short as possible; a guest before those that it was started after.
  const stopping = plan.moves.filter((move) => move.how === 'shutdown');
  for (const group of inStartupOrder(stopping).reverse()) await inParallel(group, policy.parallelMigrations, send);

  const byHa = plan.moves.filter((move) => move.how === 'ha');
  if (byHa.length === 0) return;
  for (const move of byHa) journal.guest(move.vmid, 'leaving', node);
  const { haMove } = policy.timeouts;
  const places = await recovering(run.recovery, nodeTrouble(run, 'haMove'), () =>
    waitingActivities(policy.timeouts, haMove).awaitHaGuestsAway.executeWithOptions(
      { summary: `${node}: wait until HA has moved ${byHa.length} guests` },
      [{ node, vmids: byHa.map((move) => move.vmid), within: haMove }],
    ),
  );
  // One that is still here was stopped by its owner meanwhile.
  for (const place of places) journal.guest(place.vmid, place.node === node ? 'stopped' : 'away', place.node);
}

async function sendAway(run: NodeRun, move: GuestMove): Promise<void> {
  const { node, policy, ledger, journal } = run;
  const { vmid, kind, name, target, withLocalDisks } = move;
  if (target === null) return shutDown(run, move);
  const undo = undoOf(move, node);
  let noted = false;
  journal.guest(vmid, 'leaving', node);

  const { migration } = policy.timeouts;
  const place = await recovering(
    run.recovery,
    guestTrouble(run, 'guestMove', vmid),
    async () => {
      await syncBeforeMove({ ...move, from: node, to: target }, policy);
      if (!noted) ledger.add(undo);
      noted = true;
      return waitingActivities(policy.timeouts, migration).moveGuest.executeWithOptions(
        { summary: `${name} (${vmid}): ${node} → ${target}` },
        [{ vmid, kind, name, from: node, to: target, withLocalDisks, within: migration }],
      );
    },
    async () => {
      journal.warn(`${name} (${vmid}) could not be moved to ${target} and is shut down instead`);
      await shutDown(run, { ...move, target: null }, () => ledger.settle(undo));
      return null;
    },
  );
  if (place === null) return;
  if (place.node !== node) {
    journal.guest(vmid, 'away', place.node);
    return;
  }
  // Somebody stopped it before its turn: it is not ours to move, nor to start.
  ledger.settle(undo);
  journal.guest(vmid, 'stopped', node);
}

/** @param noted Called when the shutdown is on the undo list and about to be asked for. */
async function shutDown(run: NodeRun, move: GuestMove, noted: () => void = () => undefined): Promise<void> {
  const { node, policy, ledger, journal } = run;
  const { vmid, kind, name } = move;
  ledger.add(undoOf(move, node));
  noted();
  journal.guest(vmid, 'leaving', node);
  const { guestShutdown } = policy.timeouts;
  await recovering(run.recovery, guestTrouble(run, 'guestShutdown', vmid), () =>
    waitingActivities(policy.timeouts, guestShutdown).ensureGuestStopped.executeWithOptions(
      { summary: `${node}: shut down ${name} (${vmid})` },
      [{ vmid, kind, name, node, within: guestShutdown }],
    ),
  );
  journal.guest(vmid, 'stopped', node);
}

function undoOf(move: GuestMove, home: string): Undo {
  const { vmid, kind, name, target, withLocalDisks, replicated, startupOrder } = move;
  if (target === null) return { kind: 'guest-stopped', vmid, guestKind: kind, name, home, startupOrder };
  return { kind: 'guest-away', vmid, guestKind: kind, name, home, away: target, withLocalDisks, replicated };
}
