import type { Fact } from '../../../domain/condition.ts';
import type { ListedGuest, PendingUpdate, RebootNeed } from '../../../domain/host.ts';
import type { LastPatched } from '../last-patched.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions, type Style } from './style.ts';
import { renderTableOverNotes } from './table.ts';
import { count, kindName, sentence } from './words.ts';

/** What `caretaker hosts` tells of one host. */
export interface HostEntry {
  readonly name: string;
  readonly address: string;
  readonly groups: readonly string[];
  /** The guest that it is; null: it is none, or none is known. */
  readonly guest: ListedGuest | null;
  /** `exempt`: not asked. `template`, `stopped`: it does not answer, as Proxmox has it. */
  readonly state: 'reached' | 'unreachable' | 'stopped' | 'template' | 'exempt';
  /** Why it was not reached. */
  readonly why: string | null;
  /** What inventory and Proxmox do not agree on. */
  readonly mismatches: readonly string[];
  /** These are null where it was not reached. */
  readonly system: string | null;
  readonly pending: Fact<readonly PendingUpdate[]> | null;
  /** Seconds. */
  readonly listsAge: Fact<number> | null;
  readonly reboot: RebootNeed | null;
  /** By what Temporal remembers; null within: nothing. */
  readonly lastPatched: Fact<LastPatched | null>;
}

/** A line a host; what needs more words stands below it. */
export function renderHosts(entries: readonly HostEntry[], options: RenderOptions = {}): string {
  const style = createStyle(options.color);
  const columns = [
    { title: 'Host' },
    { title: 'Guest' },
    { title: 'State' },
    { title: 'Updates' },
    { title: 'Lists' },
    { title: 'Reboot' },
    { title: 'Patched' },
  ];
  const rows = entries.map((entry) => ({
    name: entry.name,
    cells: [
      style.strong(entry.name),
      entry.guest === null ? '–' : `${kindName(entry.guest.kind)} ${entry.guest.vmid} on ${entry.guest.node}`,
      describeState(entry, style),
      describePending(entry.pending),
      describeAge(entry.listsAge),
      describeReboot(entry.reboot, style),
      describePatched(entry.lastPatched),
    ],
    note: [...reasons(entry)].map(sentence).join(' '),
  }));
  const table = renderTableOverNotes(columns, rows, { width: options.width ?? DEFAULT_WIDTH, style });
  const unknown = entries.flatMap(({ lastPatched }) => ('unknown' in lastPatched ? [lastPatched.unknown] : []));
  // Said once: what keeps one from being known keeps all.
  return unknown[0] === undefined
    ? table
    : `${table}\n\nWhen they were patched last is not known: ${sentence(unknown[0])}`;
}

function describeState({ state, mismatches }: HostEntry, style: Style): string {
  if (state === 'unreachable') return style.bad('✘ unreachable');
  if (mismatches.length > 0) return style.caution(`! ${state}`);
  return state === 'reached' ? style.good('✔ reached') : style.faint(`– ${state}`);
}

function describePending(pending: HostEntry['pending']): string {
  if (pending === null) return '–';
  if ('unknown' in pending) return '?';
  const security = pending.value.filter((each) => each.security).length;
  return security > 0 ? `${pending.value.length} (${security} security)` : String(pending.value.length);
}

function describeAge(age: HostEntry['listsAge']): string {
  if (age === null) return '–';
  if ('unknown' in age) return '?';
  const minutes = Math.floor(age.value / 60);
  if (minutes < 120) return `${minutes} min old`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h old` : `${count(Math.floor(minutes / 1_440), 'day')} old`;
}

function describeReboot(reboot: RebootNeed | null, style: Style): string {
  if (reboot === null) return '–';
  if (reboot.needed === null) return style.caution('?');
  return reboot.needed ? style.caution('needed') : 'no';
}

function describePatched(last: HostEntry['lastPatched']): string {
  if ('unknown' in last) return '?';
  return last.value === null ? '–' : last.value.at.slice(0, 10);
}

function* reasons({ why, mismatches, pending, listsAge, reboot }: HostEntry): Generator<string> {
  yield* mismatches;
  if (why !== null) yield why;
  if (pending !== null && 'unknown' in pending) yield `Its updates are not known: ${pending.unknown}`;
  if (listsAge !== null && 'unknown' in listsAge)
    yield `The age of its package lists is not known: ${listsAge.unknown}`;
  if (reboot === null || reboot.because.length === 0) return;
  yield reboot.needed === null
    ? `Whether it wants a reboot is not known: ${reboot.because.join('; ')}`
    : reboot.because.join('; ');
}
