import type { ClusterSnapshot, Guest } from '../../domain/cluster.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';

/** The HA manager leaves a service in this state alone, whatever happens to its node. */
export function haErrors(snapshot: ClusterSnapshot): Finding[] {
  return snapshot.guests.flatMap((guest) => haError(guest) ?? []);
}

export function haError({ name, vmid, node, ha }: Guest): Finding | null {
  if (ha?.state !== 'error') return null;
  return blocker({
    code: 'ha-error',
    node,
    vmid,
    message: `${name} (${vmid}) is in the HA state "error", so the HA manager does not move it`,
    remedy: `set the HA resource ${ha.sid} to disabled, mend the guest and set it to started`,
  });
}

/** Where quorum does not hang on it, a lost QDevice is no reason to stop, but the next loss would be one. */
export function lostQdevice({ quorum }: ClusterSnapshot): Finding[] {
  if (quorum.qdevice === null || quorum.qdevice.connected) return [];
  return [
    warning({
      code: 'qdevice-lost',
      node: null,
      message: 'the QDevice is not connected, so its vote does not count',
      remedy: 'pvecm status and systemctl status corosync-qdevice on the nodes, corosync-qnetd on its host',
    }),
  ];
}
