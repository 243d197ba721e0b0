import { toMilliseconds } from '../domain/duration.ts';
import type { GuestMove } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';

/** Milliseconds that one node will probably take: the way out, the upgrade, the reboot and the way back. */
export function expectNode(
  work: { readonly moves: readonly GuestMove[]; readonly packages: number; readonly reboot: boolean },
  policy: Policy,
): number {
  const moving = work.moves.reduce((total, move) => total + expectMove(move, policy), 0) / policy.parallelMigrations;
  const { upgrade, reboot } = policy.expected;
  return Math.round(
    2 * moving + (work.packages > 0 ? toMilliseconds(upgrade) : 0) + (work.reboot ? toMilliseconds(reboot) : 0),
  );
}

function expectMove(move: GuestMove, policy: Policy): number {
  const { migrationPerGiB, containerRestart } = policy.expected;
  if (move.how === 'leave') return 0;
  if (move.how === 'shutdown' || move.kind === 'lxc') return toMilliseconds(containerRestart);
  return (move.maxMemory / 2 ** 30) * toMilliseconds(migrationPerGiB);
}
