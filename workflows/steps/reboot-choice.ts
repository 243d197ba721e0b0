import { ApplicationFailure, setHandler, workflowInfo } from '@temporalio/workflow';
import { toMilliseconds } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import { rebootMail } from '../../reports/reboot-mail.ts';
import { rebootNowSignal, rebootNowUpdate, skipRebootSignal, skipRebootUpdate } from '../messages.ts';
import type { HostRun } from './host-run.ts';
import { notify } from './notify.ts';

/** What a person says about the reboot that a host is about to make. */
export interface RebootChoice {
  readonly choice: 'now' | 'skip' | null;
  /** Choices are taken from now on, or no longer. */
  open(asking: boolean): void;
}

/** Registers the handlers with which a person has the reboot at once, or stops it. */
export function listenToRebootChoice(host: string): RebootChoice {
  let choice: 'now' | 'skip' | null = null;
  let asking = false;
  const choose = (wanted: 'now' | 'skip') => {
    if (!asking) return;
    choice = wanted;
  };
  const validator = () => {
    if (asking) return;
    throw ApplicationFailure.nonRetryable(`${host} is not about to reboot now`, ErrorType.InvalidInput);
  };
  const now = { description: 'End the pause before the reboot: reboot at once.' };
  const skip = { description: 'Do not reboot; the report says that the host still wants it.' };
  const rebootNow = () => {
    choose('now');
    return `${host} reboots now`;
  };
  const skipReboot = () => {
    choose('skip');
    return `${host} is not rebooted`;
  };
  setHandler(rebootNowUpdate, rebootNow, { ...now, validator });
  setHandler(rebootNowSignal, () => choose('now'), now);
  setHandler(skipRebootUpdate, skipReboot, { ...skip, validator });
  setHandler(skipRebootSignal, () => choose('skip'), skip);
  return {
    get choice() {
      return choice;
    },
    open(open) {
      asking = open;
    },
  };
}

/**
 * The pause before a reboot, in which a person may stop it. False when one has. Containers have none, for they are back
 * in seconds.
 */
export async function mayReboot(run: HostRun, because: readonly string[], container: boolean): Promise<boolean> {
  const { host, policy, journal, operator, choice } = run;
  const length = toMilliseconds(policy.rebootPause);
  if (container || length === 0) return true;
  journal.enter('awaiting-reboot');
  const until = new Date(Date.now() + length).toISOString();
  choice.open(true);
  try {
    if (policy.announceReboot) {
      const { workflowId, runId } = workflowInfo();
      await notify(rebootMail(`reboot/${runId}`, { host: host.name, because, at: until, workflowId }));
    }
    await operator.waitUntil(until, `its reboot; rebootNow or skipReboot`, () => choice.choice !== null);
  } finally {
    choice.open(false);
  }
  return choice.choice !== 'skip';
}
