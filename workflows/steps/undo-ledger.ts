import type { Undo } from '../../domain/undo.ts';

/** What a run has to take back. An entry is added before its change is made, so a crash in between cannot lose it. */
export interface UndoLedger {
  add(undo: Undo): void;
  /** Takes out an entry that has been undone. */
  settle(undo: Undo): void;
  /**
   * Open entries in the order of undoing: maintenance first, because the HA manager brings its guests home only after
   * it, then the last change first.
   */
  open(): Undo[];
}

export function createUndoLedger(): UndoLedger {
  let entries: Undo[] = [];
  return {
    add(undo) {
      entries = [...entries, undo];
    },
    settle(undo) {
      entries = entries.filter((entry) => entry !== undo);
    },
    open() {
      const lastFirst = [...entries].reverse();
      return [
        ...lastFirst.filter((entry) => entry.kind === 'maintenance'),
        ...lastFirst.filter((entry) => entry.kind !== 'maintenance'),
      ];
    },
  };
}
