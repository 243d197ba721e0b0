import type { GuestKind } from './cluster.ts';

/** One change that a run made to the cluster and has to take back, whatever happens. */
export type Undo =
  | { readonly kind: 'maintenance'; readonly node: string }
  /** HA of the whole cluster was disarmed for a reboot. */
  | { readonly kind: 'ha-armed' }
  /** Ceph was told not to mark the OSDs of a host out. */
  | { readonly kind: 'ceph-noout'; readonly node: string }
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

/** An entry that could not be taken back, with the reason and what to do by hand. */
export interface OpenUndo {
  readonly undo: Undo;
  readonly reason: string;
  readonly remedy: string;
}
