import type { Duration } from '../../../domain/duration.ts';
import { HA_LEFT, leftToTakeBack, votesLeft, type GuestMove } from '../../../planning/outage-changes.ts';
import { orFailed, within, wordsOf } from './activities.ts';
import { nodesAway, nodesBefore, type Restore } from './restore.ts';

/** For the HA manager to take its watchdogs up again. */
const ARM: Duration = '5 minutes';

const VOTES = 'votes';
const HA = 'ha';
const HA_STATES = 'ha-states';
const home = (vmid: number): string => `home/${vmid}`;

/** Takes back what the outage has changed in the cluster, each once. Each is tried whatever becomes of the others. */
export async function takeBackChanges(restore: Restore): Promise<string[]> {
  return [
    ...(await takeBack(restore, VOTES, () => takeBackVotes(restore))),
    ...(await takeBack(restore, HA, () => armHa(restore))),
    ...(await takeBack(restore, HA_STATES, () => takeBackHaStates(restore))),
  ];
}

/** For a return that a person has ended: what can be taken back is, and what is left is told with its commands. */
export async function giveBackChanges(restore: Restore): Promise<string[]> {
  const { changes, site, memory } = restore;
  const tried = nodesAway(restore).length === 0;
  const exceptions = tried ? await takeBackChanges(restore) : [];
  const isLeft = (what: string): boolean => !tried && !memory.takenBack.includes(what);
  const left = leftToTakeBack(
    {
      haDisarmed: changes.haDisarmed && isLeft(HA),
      expectedVotes: isLeft(VOTES) ? changes.expectedVotes : null,
      moved: changes.moved.filter(({ vmid }) => !memory.takenBack.includes(home(vmid))),
    },
    isLeft(HA_STATES) ? site : null,
  );
  return [...exceptions, ...left].filter((text) => !memory.exceptions.some((said) => said.includes(text)));
}

/** Null: it is taken back; what people change afterwards is theirs. */
async function takeBack({ memory }: Restore, what: string, act: () => Promise<string | null>): Promise<string[]> {
  if (memory.takenBack.includes(what)) return [];
  const trouble = await act();
  if (trouble !== null) return [trouble];
  memory.takenBack.push(what);
  return [];
}

async function takeBackVotes(restore: Restore): Promise<string | null> {
  const { changes, rehearsal, journal } = restore;
  if (changes.expectedVotes === null) return null;
  const { node, before } = changes.expectedVotes;
  // Those that are up would lose quorum, and could start no guest.
  if (!rehearsal && nodesAway(restore).length > 0) return votesLeft(changes.expectedVotes);
  const act = await orFailed(
    within('2 minutes').setExpectedVotes.executeWithOptions({ summary: `${node}: pvecm expected ${before}` }, [
      { node, votes: before, rehearsal },
    ]),
  );
  journal.note(`expected votes: ${act.words}`);
  return act.outcome === 'failed' ? `${act.words}. ${votesLeft(changes.expectedVotes)}` : null;
}

async function armHa(restore: Restore): Promise<string | null> {
  const { changes, rehearsal, journal } = restore;
  if (!changes.haDisarmed || rehearsal) return null;
  const away = nodesAway(restore);
  if (away.length > 0) return `HA stays disarmed until ${away.join(', ')} is back. ${HA_LEFT}`;
  try {
    await within(ARM).ensureHaArmed.executeWithOptions({ summary: 'arm HA again' }, [
      // A node that was off before may stay off.
      { armed: true, mode: 'ignore', within: ARM, nodes: nodesBefore(restore).map(({ name }) => name) },
    ]);
    journal.note('HA is armed again');
    return null;
  } catch (error) {
    return `HA is not armed: ${wordsOf(error)}. ${HA_LEFT}`;
  }
}

async function takeBackHaStates({ site, rehearsal, journal }: Restore): Promise<string | null> {
  const requested = site?.ha.requested ?? {};
  if (Object.keys(requested).length === 0) return null;
  const act = await orFailed(
    within('2 minutes').setHaRequests.executeWithOptions({ summary: 'put the HA states back' }, [
      { requested, rehearsal },
    ]),
  );
  journal.note(`HA states: ${act.words}`);
  return act.outcome === 'failed' ? `HA states are not as before: ${act.words}` : null;
}

/** Guests that moved away from the battery go home. */
export async function bringGuestsHome(restore: Restore): Promise<string[]> {
  const { changes, rehearsal } = restore;
  const exceptions: string[] = [];
  for (const move of rehearsal ? [] : changes.moved) {
    exceptions.push(...(await takeBack(restore, home(move.vmid), () => bringHome(restore, move))));
  }
  return exceptions;
}

async function bringHome({ site, settings, journal }: Restore, move: GuestMove): Promise<string | null> {
  const { vmid, from, to } = move;
  const guest = site?.guests.find((each) => each.vmid === vmid);
  if (guest === undefined) return null;
  const { kind, name } = guest;
  const patience = settings.timeouts.guestStart;
  try {
    const place = await within(patience).moveGuest.executeWithOptions(
      { summary: `${name} (${vmid}): ${to} → ${from}` },
      [{ vmid, kind, name, from: to, to: from, withLocalDisks: false, within: patience }],
    );
    journal.note(`${name} (${vmid}) is on ${place.node}`);
    return null;
  } catch (error) {
    return `${name} (${vmid}) is not back on ${from}: ${wordsOf(error)}`;
  }
}
