import type { FleetOutcome, HostOutcome } from '../domain/patch.ts';
import type { MoveKind } from '../domain/plan.ts';
import type { Downtime, GuestReport, NodeOutcome, RollOutcome } from '../domain/report.ts';
import { plain, type Item, type Section, type Text, type Tone } from './document.ts';

/** The mark tells the state where there is no color. */
function sign(mark: string, word: string, tone: Tone): Text {
  return { text: `${mark} ${word}`, tone };
}

export const NODE_OUTCOMES: Readonly<Record<NodeOutcome, Text>> = {
  updated: sign('✔', 'updated', 'good'),
  skipped: sign('–', 'skipped', 'faint'),
  failed: sign('✘', 'failed', 'bad'),
  aborted: sign('✘', 'aborted', 'caution'),
  planned: sign('✔', 'planned', 'good'),
  refused: sign('✘', 'refused', 'bad'),
  'not-reached': sign('·', 'not reached', 'faint'),
};

export const ROLL_OUTCOMES: Readonly<Record<RollOutcome, Text>> = {
  planned: sign('✔', 'planned', 'good'),
  'nothing-to-do': sign('✔', 'nothing to do', 'good'),
  done: sign('✔', 'done', 'good'),
  refused: sign('✘', 'refused', 'bad'),
  failed: sign('✘', 'failed', 'bad'),
  aborted: sign('✘', 'aborted', 'caution'),
};

export const HOST_OUTCOMES: Readonly<Record<HostOutcome, Text>> = {
  patched: sign('✔', 'patched', 'good'),
  unchanged: sign('✔', 'unchanged', 'faint'),
  planned: sign('✔', 'planned', 'good'),
  skipped: sign('–', 'skipped', 'faint'),
  'rolled-back': sign('↩', 'rolled back', 'caution'),
  failed: sign('✘', 'failed', 'bad'),
  aborted: sign('✘', 'aborted', 'caution'),
  'not-started': sign('·', 'not started', 'caution'),
};

export const FLEET_OUTCOMES: Readonly<Record<FleetOutcome, Text>> = {
  done: sign('✔', 'done', 'good'),
  planned: sign('✔', 'planned', 'good'),
  failed: sign('✘', 'failed', 'bad'),
  stopped: sign('!', 'not all hosts had their turn', 'caution'),
  aborted: sign('✘', 'aborted', 'caution'),
  refused: sign('✘', 'refused', 'bad'),
};

export const MOVES: Readonly<Record<MoveKind, string>> = {
  live: 'live',
  restart: 'restart',
  ha: 'by the HA manager',
  shutdown: 'shut down, start again',
  leave: 'left where it is',
};

/** `1 guest`, `3 guests`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `210 plex-vm`: how the Proxmox web interface shows a guest. */
export function guestName(guest: { readonly vmid: number; readonly name: string }): string {
  return `${guest.vmid} ${guest.name}`;
}

/** `text` as a sentence. A first word that may be a name stays as it is. */
export function sentence(text: string): string {
  const whole = /^[a-z]+([ ,]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** A section of sentences. */
export function sentences(title: string, texts: readonly string[]): Section {
  return { title: plain(title), blocks: [{ kind: 'items', items: texts.map((text): Item => plain(sentence(text))) }] };
}

/** `2026-11-22 03:14 UTC`. A run does not know where its readers are. */
export function pointInTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** `03:14:05`, in UTC. */
export function timeOfDay(iso: string): string {
  return iso.slice(11, 19);
}

export function downtimeText({ downtime, leftAt, how }: GuestReport): Text {
  if (downtime === null) {
    if (leftAt === null && how !== 'leave') return { text: 'none', tone: 'faint' };
    return { text: 'not known', tone: 'faint' };
  }
  if (downtime.stillDown) return { text: 'still down', tone: 'bad' };
  const { milliseconds, certainty } = downtime;
  return { text: certainty === 'measured' ? shortTime(milliseconds) : atMost(downtime), tone: 'plain' };
}

/** Rounded up: less would be a promise that nobody measured. */
function atMost({ milliseconds }: Downtime): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  return seconds < 120 ? `at most ${seconds} s` : `at most ${Math.ceil(seconds / 60)} min`;
}

function shortTime(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}
