import type { GuestKind } from '../../../domain/cluster.ts';
import type { GuestMove, MoveKind, QuorumVerdict } from '../../../domain/plan.ts';
import type { GuestProgress, GuestWhereabouts, NodeOutcome, NodePhase, RollOutcome } from '../../../domain/report.ts';
import type { Style } from './style.ts';

type Tone = Exclude<keyof Style, 'strong'>;

/** A word for people with its mark and tone. The mark tells the state where there is no color. */
interface Sign {
  readonly mark: string;
  readonly word: string;
  readonly tone: Tone;
}

const PHASES: Readonly<Record<NodePhase, Sign>> = {
  waiting: { mark: '·', word: 'waiting', tone: 'faint' },
  checking: { mark: '●', word: 'checking', tone: 'active' },
  'awaiting-approval': { mark: '?', word: 'awaiting approval', tone: 'caution' },
  maintenance: { mark: '●', word: 'maintenance on', tone: 'active' },
  draining: { mark: '●', word: 'draining', tone: 'active' },
  upgrading: { mark: '●', word: 'upgrading', tone: 'active' },
  rebooting: { mark: '●', word: 'rebooting', tone: 'active' },
  rejoining: { mark: '●', word: 'rejoining', tone: 'active' },
  returning: { mark: '●', word: 'returning guests', tone: 'active' },
  verifying: { mark: '●', word: 'verifying', tone: 'active' },
  undoing: { mark: '●', word: 'undoing', tone: 'caution' },
  done: { mark: '✔', word: 'done', tone: 'good' },
  skipped: { mark: '–', word: 'skipped', tone: 'faint' },
  failed: { mark: '✘', word: 'failed', tone: 'bad' },
};

const NODE_OUTCOMES: Readonly<Record<NodeOutcome, Sign>> = {
  updated: { mark: '✔', word: 'updated', tone: 'good' },
  skipped: { mark: '–', word: 'skipped', tone: 'faint' },
  failed: { mark: '✘', word: 'failed', tone: 'bad' },
  aborted: { mark: '✘', word: 'aborted', tone: 'caution' },
  planned: { mark: '✔', word: 'planned', tone: 'good' },
  refused: { mark: '✘', word: 'refused', tone: 'bad' },
  'not-reached': { mark: '·', word: 'not reached', tone: 'faint' },
};

const ROLL_OUTCOMES: Readonly<Record<RollOutcome, Sign>> = {
  planned: { mark: '✔', word: 'planned', tone: 'good' },
  'nothing-to-do': { mark: '✔', word: 'nothing to do', tone: 'good' },
  done: { mark: '✔', word: 'done', tone: 'good' },
  refused: { mark: '✘', word: 'refused', tone: 'bad' },
  failed: { mark: '✘', word: 'failed', tone: 'bad' },
  aborted: { mark: '✘', word: 'aborted', tone: 'caution' },
};

const QUORUM: Readonly<Record<QuorumVerdict, Sign>> = {
  'keeps-quorum': { mark: '✔', word: 'keeps quorum', tone: 'good' },
  'read-only-while-away': { mark: '!', word: 'read-only while away', tone: 'caution' },
  'loses-quorum': { mark: '✘', word: 'loses quorum', tone: 'bad' },
  'would-fence': { mark: '✘', word: 'would fence', tone: 'bad' },
};

const WHEREABOUTS: Readonly<Record<GuestWhereabouts, Sign>> = {
  home: { mark: '✔', word: 'home', tone: 'good' },
  leaving: { mark: '→', word: 'leaving', tone: 'active' },
  away: { mark: '·', word: 'away', tone: 'faint' },
  returning: { mark: '←', word: 'returning', tone: 'active' },
  stopped: { mark: '■', word: 'stopped', tone: 'caution' },
  stays: { mark: '·', word: 'stays', tone: 'faint' },
};

export const MOVES: Readonly<Record<MoveKind, string>> = {
  live: 'live',
  restart: 'restart',
  ha: 'by the HA manager',
  shutdown: 'shut down, start again',
  leave: 'left where it is',
};

export function phaseSign(phase: NodePhase, style: Style): string {
  return say(PHASES[phase], style);
}

export function phaseWord(phase: NodePhase): string {
  return PHASES[phase].word;
}

export function nodeOutcomeSign(outcome: NodeOutcome, style: Style): string {
  return say(NODE_OUTCOMES[outcome], style);
}

export function rollOutcomeSign(outcome: RollOutcome, style: Style): string {
  return say(ROLL_OUTCOMES[outcome], style);
}

export function quorumSign(verdict: QuorumVerdict, style: Style): string {
  return say(QUORUM[verdict], style);
}

export function whereaboutsSign(at: GuestWhereabouts, style: Style): string {
  return say(WHEREABOUTS[at], style);
}

export function kindName(kind: GuestKind): string {
  return kind === 'qemu' ? 'VM' : 'CT';
}

/** `210 plex-vm`: how the Proxmox web interface shows a guest. */
export function guestName(guest: Pick<GuestProgress | GuestMove, 'vmid' | 'name'>): string {
  return `${guest.vmid} ${guest.name}`;
}

/** `1 guest`, `3 guests`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Bytes as GiB or MiB, whichever has fewer digits. */
export function memorySize(bytes: number): string {
  const gib = bytes / 1024 ** 3;
  return gib >= 1 ? `${Number(gib.toFixed(1))} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

function say({ mark, word, tone }: Sign, style: Style): string {
  return style[tone](`${mark} ${word}`);
}

/** `text` as a sentence. A first word that may be a name stays as it is. */
export function sentence(text: string): string {
  const whole = /^[a-z]+([ ,]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
