import type { SiteBefore } from '../domain/outage.ts';

export interface GuestMove {
  readonly vmid: number;
  readonly from: string;
  readonly to: string;
}

/** What an outage has changed and has to put back. Entries are made before the change. */
export interface OutageChanges {
  /** Guests were told to shut down. */
  guests: boolean;
  readonly moved: GuestMove[];
  haDisarmed: boolean;
  expectedVotes: { readonly node: string; readonly before: number } | null;
}

export function noChanges(): OutageChanges {
  return { guests: false, moved: [], haDisarmed: false, expectedVotes: null };
}

/** A guest that moves a second time has its home where it was first. */
export function noteMove({ moved }: OutageChanges, move: GuestMove): void {
  const index = moved.findIndex(({ vmid }) => vmid === move.vmid);
  const before = moved[index];
  if (before === undefined) moved.push(move);
  else moved[index] = { ...move, from: before.from };
}

/** A later round finds the votes lowered already: what they were before the first counts. */
export function voteChange(
  changes: Pick<OutageChanges, 'expectedVotes'>,
  lowered: { readonly node: string; readonly before: number },
): OutageChanges['expectedVotes'] {
  return { node: lowered.node, before: changes.expectedVotes?.before ?? lowered.before };
}

/** What is left to people when nobody takes it back, each with its command. */
export function leftToTakeBack(changes: Omit<OutageChanges, 'guests'>, site: SiteBefore | null): string[] {
  const { moved, haDisarmed, expectedVotes } = changes;
  const requested = Object.entries(site?.ha.requested ?? {});
  return [
    ...(expectedVotes === null ? [] : [votesLeft(expectedVotes)]),
    ...(haDisarmed ? [HA_LEFT] : []),
    ...(requested.length === 0 ? [] : [haStatesLeft(requested)]),
    ...moved.map(({ vmid, from, to }) => {
      const name = site?.guests.find((guest) => guest.vmid === vmid)?.name ?? 'a guest';
      return `${name} (${vmid}) was moved from ${from} to ${to}. Migrate it back where it is to run there`;
    }),
  ];
}

export const HA_LEFT = 'HA was disarmed. Run on any node: ha-manager crm-command arm-ha';

export function votesLeft({ node, before }: { readonly node: string; readonly before: number }): string {
  return `${node} may still expect fewer votes than before. Once all nodes are up, run on it: pvecm expected ${before}`;
}

function haStatesLeft(requested: readonly (readonly [string, string])[]): string {
  const states = requested.map(([sid, state]) => `ha-manager set ${sid} --state ${state}`);
  return `HA was asked for these states before the outage; where it is not, run: ${states.join('; ')}`;
}
