import type { Undo } from '../../domain/undo.ts';

/** What a run has to take back. An entry is added before its change is made, so a crash in between cannot lose it. */
export interface UndoLedger {
  add(undo: Undo): void;
  /** Takes out an entry that has been undone. */
  settle(undo: Undo): void;
  /** Open entries in the order of undoing. */
  open(): Undo[];
  /** The same in stages: one begins when the one before has been tried; within it nothing depends on anything. */
  stages(): Undo[][];
}

/**
 * HA is armed first, for it hears no command while it is not. Maintenance before the guests, because the HA manager
 * brings its own home only after it; backups last, for one that begins at once would hold a guest that is still on its
 * way.
 */
const STAGES: readonly (readonly Undo['kind'][])[] = [
  ['ha-armed'],
  ['maintenance'],
  ['ceph-noout'],
  ['guest-away', 'guest-stopped'],
  ['backup-job'],
];

export function createUndoLedger(): UndoLedger {
  let entries: Undo[] = [];
  const stages = () => {
    const lastFirst = [...entries].reverse();
    return STAGES.map((kinds) => lastFirst.filter(({ kind }) => kinds.includes(kind)));
  };
  return {
    add(undo) {
      entries = [...entries, undo];
    },
    settle(undo) {
      entries = entries.filter((entry) => entry !== undo);
    },
    open: () => stages().flat(),
    stages,
  };
}
