import type { GuestKind } from './cluster.ts';

/** One change that a run made to the cluster and has to take back, whatever happens. */
export type Undo =
  | { readonly kind: 'maintenance'; readonly node: string }
  /** HA of the whole cluster was disarmed for a reboot. */
  | { readonly kind: 'ha-armed' }
  /** Ceph was told not to mark the OSDs of a host out. */
  | { readonly kind: 'ceph-noout'; readonly node: string }
  /** A new kernel was to be booted once, with the one that ran pinned to be booted after it. */
  | {
      readonly kind: 'kernel-pin';
      readonly node: string;
      readonly tries: string;
      readonly fallback: string;
      /** The boot in which it was pinned: in any later one the new kernel has had its trial. */
      readonly bootId: string;
      /** `on-trial`: the new kernel has come up. `proven`: the node is well with it, and the pin may go. */
      readonly trial: 'armed' | 'on-trial' | 'proven';
    }
  /** A backup job that was enabled and is held back. */
  | { readonly kind: 'backup-job'; readonly id: string }
  | {
      readonly kind: 'guest-away';
      readonly vmid: number;
      readonly guestKind: GuestKind;
      readonly name: string;
      /** Node it belongs to. */
      readonly home: string;
      /** Node it was sent to. A guest found on a third node was moved by somebody else and stays there. */
      readonly away: string;
      readonly withLocalDisks: boolean;
      readonly replicated: boolean;
    }
  | {
      readonly kind: 'guest-stopped';
      readonly vmid: number;
      readonly guestKind: GuestKind;
      readonly name: string;
      readonly home: string;
      /** Place in the order of starting; null without one. */
      readonly startupOrder: number | null;
    };

/** An entry that is not taken back yet, with the reason and what to do by hand. */
export interface OpenUndo {
  readonly undo: Undo;
  readonly reason: string;
  readonly remedy: string;
}

/** An entry that is open no more though nobody took it back: what was found instead, and stays. */
export interface OvertakenUndo {
  readonly undo: Undo;
  readonly reason: string;
}

/** Where what a run has left open goes on being tried. */
export interface UndoLaterRef {
  readonly workflowId: string;
  /** When that gives up; ISO 8601. */
  readonly until: string;
}

/** Answer of the query `undo` of `undoLater`. */
export interface UndoView {
  readonly cluster: string;
  readonly node: string;
  readonly open: readonly OpenUndo[];
  /** So far. */
  readonly tries: number;
  /** What it does now: `waits`, `tries`, or for whom it waits. */
  readonly state: string;
  /** ISO 8601; null while it tries. */
  readonly nextTry: string | null;
  /** When it gives up; ISO 8601. */
  readonly until: string;
}

/** Result of `undoLater`; one that gives up carries it in the details of its failure. */
export interface UndoResult {
  readonly cluster: string;
  readonly node: string;
  readonly undone: readonly Undo[];
  readonly overtaken: readonly OvertakenUndo[];
  /** Left to a person, as he asked. */
  readonly forgotten: readonly Undo[];
  readonly open: readonly OpenUndo[];
  readonly warnings: readonly string[];
}

/** How a person names an entry among those of one node: a guest by its vmid. */
export function undoKey(undo: Undo): string {
  switch (undo.kind) {
    case 'maintenance':
      return 'maintenance';
    case 'ha-armed':
      return 'ha';
    case 'ceph-noout':
      return 'noout';
    case 'kernel-pin':
      return 'kernel';
    case 'backup-job':
      return `backup:${undo.id}`;
    case 'guest-away':
    case 'guest-stopped':
      return String(undo.vmid);
  }
}
