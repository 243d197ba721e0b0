import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { remedyFor } from '../../planning/leftover.ts';

/** What a run has to take back. An entry is added before its change is made, so a crash in between cannot lose it. */
export interface UndoLedger {
  add(undo: Undo): void;
  /** Takes out an entry that has been undone. */
  settle(undo: Undo): void;
  /** Notes why an entry stays for now. */
  hold(undo: Undo, reason: string): void;
  /** Open entries in the order of undoing. */
  open(): Undo[];
  /** The same in stages: one begins when the one before has been tried; within it nothing depends on anything. */
  stages(): Undo[][];
  /** The same with the reasons, for people and for those who go on trying. */
  left(): OpenUndo[];
}

/**
 * HA is armed first, for it hears no command while it is not. Maintenance before the guests, because the HA manager
 * brings its own home only after it; backups last, for one that begins at once would hold a guest that is still on its
 * way.
 */
const STAGES: readonly (readonly Undo['kind'][])[] = [
  ['ha-armed'],
  ['maintenance'],
  ['ceph-noout', 'kernel-pin'],
  ['guest-away', 'guest-stopped'],
  ['backup-job'],
];

const NOT_TRIED = 'its time has not come: the node is still in hand';

/**
 * @param given What another run has left, in the order of undoing.
 * @param onChange Told after each change.
 */
export function createUndoLedger(
  given: readonly OpenUndo[] = [],
  onChange: (left: () => OpenUndo[]) => void = () => undefined,
): UndoLedger {
  let entries = given.map(({ undo }) => undo).reverse();
  const reasons = new Map(given.map(({ undo, reason }) => [undo, reason]));
  const stages = () => {
    const lastFirst = [...entries].reverse();
    return STAGES.map((kinds) => lastFirst.filter(({ kind }) => kinds.includes(kind)));
  };
  const open = () => stages().flat();
  const left = () => open().map((undo) => ({ undo, reason: reasons.get(undo) ?? NOT_TRIED, remedy: remedyFor(undo) }));
  return {
    add(undo) {
      entries = [...entries, undo];
      onChange(left);
    },
    settle(undo) {
      entries = entries.filter((entry) => entry !== undo);
      reasons.delete(undo);
      onChange(left);
    },
    hold(undo, reason) {
      reasons.set(undo, reason);
      onChange(left);
    },
    open,
    stages,
    left,
  };
}
