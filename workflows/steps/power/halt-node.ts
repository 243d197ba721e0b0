import type { Duration } from '../../../domain/duration.ts';
import type { NodeShutdown } from '../../../domain/outage.ts';
import { nodeUnverifiedMail } from '../../../reports/outage-mail.ts';
import { against, isCalledOff, unless, type StepEnd } from './against.ts';
import { within, wordsOf } from './activities.ts';
import type { Outage } from './outage.ts';
import { tell } from './tell.ts';

export interface HaltHow {
  /** Share of their time that guests get. */
  readonly haste: number;
  readonly interrupted: () => boolean;
}

/** Shuts the guests of a node down, tier by tier. A guest that does not obey is stopped, and never holds up the next. */
export async function stopGuestsOf(outage: Outage, shutdown: NodeShutdown, how: HaltHow): Promise<StepEnd> {
  const { node, tiers } = shutdown;
  const { changes, journal } = outage;
  for (const [index, tier] of tiers.entries()) {
    const hasty = tier.map((guest) => ({ ...guest, timeout: Math.max(10, Math.round(guest.timeout * how.haste)) }));
    const seconds = Math.max(...hasty.map(({ timeout }) => timeout)) + 15;
    changes.guests = true;
    journal.fate(node, 'guests-stopping');
    const ended = await against(
      outage,
      `${node}: guests ${index + 1}/${tiers.length} (${tier.map(({ name }) => name).join(', ')})`,
      (gate) =>
        within(`${seconds} seconds`).stopGuests.executeWithOptions(
          { summary: `${node}: shut down ${tier.length} guests` },
          [{ node, tier: hasty, within: seconds, gate }],
        ),
      how.interrupted,
    );
    if (isCalledOff(ended)) return ended;
  }
  return 'done';
}

/** Tells the host to shut down: from its acceptance on, nothing calls it back. */
export async function haltHost(outage: Outage, node: string, { interrupted }: HaltHow): Promise<StepEnd> {
  const ended = await against(
    outage,
    `${node}: shutdown`,
    (gate) =>
      within('1 minute').shutDownNode.executeWithOptions({ summary: `${node}: shut the host down` }, [{ node, gate }]),
    interrupted,
  );
  if (ended === 'done') {
    outage.journal.fate(node, 'going-down');
    outage.round.told.push(node);
  }
  return ended;
}

/**
 * Waits for the proof that a node is off. Without it people are told, and the outage goes on. Null when something else
 * goes before the wait: the node is left to go down by itself.
 */
export async function proveOff(
  outage: Outage,
  node: string,
  seconds: number,
  interrupted: () => boolean,
): Promise<boolean | null> {
  const { journal, rehearsal } = outage;
  if (rehearsal) {
    journal.note(`${node}: would wait up to ${seconds} s until it is off`);
    journal.fate(node, 'off');
    return true;
  }
  try {
    const time: Duration = `${seconds} seconds`;
    const proof = await unless(interrupted, () =>
      within(time).awaitNodeOff.executeWithOptions({ summary: `${node}: wait until it is off` }, [
        { node, within: time },
      ]),
    );
    if (proof === null) return null;
    journal.note(`${node}: ${proof.off === 'verified' ? 'off' : 'not verified off'} (${proof.words})`);
    journal.fate(node, proof.off === 'verified' ? 'off' : 'unverified');
    if (proof.off === 'verified') return true;
    await tell(outage, `unverified/${outage.round.number}/${node}`, (head) =>
      nodeUnverifiedMail({ ...head, node, words: proof.words }),
    );
  } catch (error) {
    journal.note(`${node}: not verified off (${wordsOf(error)})`);
    journal.fate(node, 'unverified');
  }
  return false;
}
