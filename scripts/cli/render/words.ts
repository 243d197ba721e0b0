import type { GuestKind } from '../../../domain/cluster.ts';
import type { QuorumVerdict } from '../../../domain/plan.ts';
import type { GuestWhereabouts, NodePhase } from '../../../domain/report.ts';
import type { Style } from './style.ts';

export { count, guestName, MOVES, sentence } from '../../../reports/words.ts';

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

export function phaseSign(phase: NodePhase, style: Style): string {
  return say(PHASES[phase], style);
}

export function phaseWord(phase: NodePhase): string {
  return PHASES[phase].word;
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

/** Bytes as GiB or MiB, whichever has fewer digits. */
export function memorySize(bytes: number): string {
  const gib = bytes / 1024 ** 3;
  return gib >= 1 ? `${Number(gib.toFixed(1))} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

function say({ mark, word, tone }: Sign, style: Style): string {
  return style[tone](`${mark} ${word}`);
}
