import type { RawCalls } from './failover.ts';
import { guestPath } from './guests.ts';
import type { AgentProcess, GuestRef } from './types.ts';
import { count, flag, optionalText, record, WireError } from './wire.ts';

/** Commands that the QEMU guest agent of a VM runs, as root and without a shell. */
export interface AgentCalls {
  /**
   * `POST /nodes/{node}/qemu/{vmid}/agent/exec`: starts a program and returns its process id, which is valid until its end
   * has been told, the agent restarts, or the VM goes down. `input` is for stdin, at most 64 KiB of ASCII.
   */
  agentExec(guest: GuestRef, command: readonly string[], input?: string): Promise<number>;
  /** `GET …/agent/exec-status`. The agent forgets the process when it has told of its end once. */
  agentExecStatus(guest: GuestRef, pid: number): Promise<AgentProcess>;
}

export function createAgentCalls(calls: RawCalls): AgentCalls {
  const path = (guest: GuestRef): string => `${guestPath(guest)}/agent`;
  return {
    agentExec: (guest, command, input) => calls.send(`${path(guest)}/exec`, readPid, { command, 'input-data': input }),
    agentExecStatus: (guest, pid) => calls.read(`${path(guest)}/exec-status`, readProcess, { pid }),
  };
}

function readPid(data: unknown): number {
  const pid = count(record(data, 'answer of the guest agent')['pid']);
  if (pid === undefined) throw new WireError('the guest agent gave no process id');
  return pid;
}

function readProcess(data: unknown): AgentProcess {
  const raw = record(data, 'process of the guest agent');
  return {
    exited: flag(raw['exited']),
    exitCode: count(raw['exitcode']),
    signal: count(raw['signal']),
    stdout: optionalText(raw['out-data']) ?? '',
    stderr: optionalText(raw['err-data']) ?? '',
    truncated: flag(raw['out-truncated']) || flag(raw['err-truncated']),
  };
}
