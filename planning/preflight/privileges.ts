import type { ClusterSnapshot } from '../../domain/cluster.ts';
import type { Fact } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import type { NodePlan } from '../../domain/plan.ts';
import { blocker } from '../findings.ts';

type Held = Readonly<Record<string, readonly string[]>>;

/** What every run needs, and the path on which Proxmox asks for it. docs/how-to/create-api-token.md says what for. */
const NEEDED = [
  ['Sys.Audit', '/'],
  ['Sys.Modify', '/nodes'],
  ['VM.Audit', '/vms'],
  ['VM.Migrate', '/vms'],
  ['VM.PowerMgmt', '/vms'],
  ['Datastore.Audit', '/storage'],
] as const;

/** A token that may not see a guest sees none: nothing would be moved, and the node would go down with it. */
export function missingPrivileges(held: Held, snapshot: ClusterSnapshot, nodes: readonly NodePlan[]): Finding[] {
  const moves = nodes.flatMap((node) => node.moves).filter((move) => move.target !== null);
  const missing = lacking(held, [
    ...NEEDED,
    ...(snapshot.guests.some((guest) => guest.ha !== null) ? [['Sys.Console', '/'] as const] : []),
    ...(moves.some((move) => move.replicated) ? [['VM.Replicate', '/vms'] as const] : []),
    ...(moves.some((move) => move.withLocalDisks) ? [['Datastore.AllocateSpace', '/storage'] as const] : []),
  ]);
  return missing.length === 0 ? [] : [tellMissing(missing)];
}

/** Whether a node's packages can be listed; where the privileges are unknown, it is tried. */
export function mayReadSoftware(held: Fact<Held>): boolean {
  return 'unknown' in held || lacking(held.value, [NEEDED[0], NEEDED[1]]).length === 0;
}

/** What is missing for any run at all, before anything is known about the cluster. */
export function missingForAny(held: Fact<Held>): Finding[] {
  const missing = 'value' in held ? lacking(held.value, NEEDED) : [];
  return missing.length === 0 ? [] : [tellMissing(missing)];
}

function lacking(held: Held, needed: readonly (readonly [string, string])[]): string[] {
  return needed.filter(([privilege, path]) => !has(held, privilege, path)).map(([privilege]) => privilege);
}

function has(held: Held, privilege: string, path: string): boolean {
  return held[path]?.includes(privilege) === true || (path !== '/' && held['/']?.includes(privilege) === true);
}

function tellMissing(missing: readonly string[]): Finding {
  return blocker({
    code: 'missing-privileges',
    node: null,
    message: `the API token lacks ${missing.length === 1 ? 'a privilege' : `${missing.length} privileges`} that the update needs: ${missing.join(', ')}`,
    remedy:
      'give them to its role, and to the token itself if it has privileges of its own (docs/how-to/create-api-token.md)',
  });
}
