import type { OpenUndo, Undo } from '../domain/undo.ts';
import { plain, type Item } from './document.ts';
import { guestName } from './words.ts';

/** A change that is not taken back, why, and what a person can do. */
export function openUndoItem({ undo, reason, remedy }: OpenUndo): Item {
  return {
    text: `✘ ${describeOpenUndo(undo)}: ${reason}`,
    tone: 'bad',
    details: [['Do by hand', remedy]],
  };
}

export function describeOpenUndo(undo: Undo): string {
  switch (undo.kind) {
    case 'maintenance':
      return `HA maintenance mode of ${undo.node} is still on`;
    case 'ha-armed':
      return 'HA is still disarmed';
    case 'ceph-noout':
      return `Ceph still has noout set for ${undo.node}`;
    case 'kernel-pin':
      return `${undo.node} is still pinned to ${undo.fallback}`;
    case 'backup-job':
      return `the backup job ${undo.id} is still disabled`;
    case 'guest-away':
      return `${guestName(undo)} is still on ${undo.away} instead of ${undo.home}`;
    case 'guest-stopped':
      return `${guestName(undo)} is still stopped on ${undo.home}`;
  }
}

export function undoneItem(undo: Undo): Item {
  switch (undo.kind) {
    case 'maintenance':
      return plain(`HA maintenance mode of ${undo.node} is off`);
    case 'ha-armed':
      return plain('HA is armed');
    case 'ceph-noout':
      return plain(`Ceph has noout for ${undo.node} no more`);
    case 'kernel-pin':
      return plain(`the trial of ${undo.tries} on ${undo.node} is over`);
    case 'backup-job':
      return plain(`the backup job ${undo.id} is enabled`);
    case 'guest-away':
      return plain(`${guestName(undo)} was brought back to ${undo.home}`);
    case 'guest-stopped':
      return plain(`${guestName(undo)} was started`);
  }
}
