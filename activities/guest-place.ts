import { ApplicationFailure } from '@temporalio/activity';
import type { GuestLocation, GuestRef } from '../clients/proxmox/index.ts';
import { ErrorType } from '../domain/errors.ts';
import type { ActivityDeps } from './deps.ts';
import { describeResult, followOrStart } from './follow-task.ts';
import { isClientError, NoClearAnswer } from './guard.ts';

/** Ends of a task that was not begun, since something else held the guest: a backup, a replication, a snapshot. */
export const HELD = /can't lock file|lock request timeout|is locked|unable to acquire lock|no quorum/i;

/** Where a guest is and what it does; a node that does not say the latter is to be asked again, not believed stopped. */
export async function locate(deps: ActivityDeps, vmid: number, name: string): Promise<GuestLocation> {
  const place = await deps.proxmox.guestLocation(vmid);
  if (place?.status === 'unknown') {
    throw new NoClearAnswer(`${place.node} does not say whether ${name} (${vmid}) runs`);
  }
  if (place) return place;
  throw ApplicationFailure.create({
    type: ErrorType.GuestGone,
    message: `${name} (${vmid}) no longer exists: somebody has removed it. Start again if the run stops for it.`,
    nonRetryable: true,
  });
}

/** Starts a guest that does not run, or follows the start of somebody else. */
export async function startAt(
  { proxmox }: ActivityDeps,
  guest: GuestRef,
  deadline: number,
): Promise<{ waitingFor: string }> {
  const task = { node: guest.node, type: guest.type === 'qemu' ? 'qmstart' : 'vzstart', id: String(guest.vmid) };
  const what = 'the start';
  try {
    const result = await followOrStart(proxmox, task, () => proxmox.startGuest(guest), { what, deadline });
    return { waitingFor: describeResult(what, result) };
  } catch (error) {
    // Somebody, or the last attempt, was faster: another look will find it running.
    if (isClientError(error) && /already running/.test(error.message)) return { waitingFor: error.message };
    throw error;
  }
}
