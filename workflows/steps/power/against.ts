import { CancellationScope, condition } from '@temporalio/workflow';
import type { Act, PowerGate } from '../../../domain/outage.ts';
import { orFailed } from './activities.ts';
import type { Outage } from './outage.ts';

/** How a step ended: as its act did, or because the mains are back, or because something else goes before it. */
export type StepEnd = 'done' | 'failed' | 'returned' | 'interrupted';

/** Nothing more is done: the next step is not for now. */
export function isCalledOff(end: StepEnd): end is 'returned' | 'interrupted' {
  return end === 'returned' || end === 'interrupted';
}

/** Between two tries of a step that the UPS's own word kept from acting. */
const LOOK_AGAIN = '2 seconds';

/**
 * Takes a step against the outage for as long as there is one. The act looks at the UPS itself; when it sees the mains,
 * the step waits until the watch knows whether they have come to stay. A UPS that says nothing counts as silent by then, and
 * the act goes on blindly; where it does not even then, the step has failed, and others are not kept waiting.
 *
 * @param interrupted What goes before this step: an act under way is left alone then.
 */
export async function against(
  outage: Outage,
  what: string,
  act: (gate: PowerGate) => Promise<Act>,
  interrupted: () => boolean,
): Promise<StepEnd> {
  const { power, journal, round, settings, rehearsal } = outage;
  const stop = (): boolean => round.orders.aborted || interrupted();
  let refusedAt: number | null = null;
  for (;;) {
    await condition(() => power.verdict.mains !== 'back' || stop());
    if (power.verdict.mains !== 'out') return 'returned';
    if (stop()) return 'interrupted';
    const { news } = power;
    const gate = { ups: settings.ups, blind: power.verdict.blind, boot: power.boot, rehearsal };
    const ended = await unless(stop, () => orFailed(act(gate)));
    if (ended === null) return 'interrupted';
    journal.note(`${what}: ${ended.words}`);
    if (ended.outcome === 'done' || ended.outcome === 'failed') return ended.outcome;
    // A rehearsal is about the site; that the UPS does not answer is in the log.
    if (rehearsal) return 'done';
    refusedAt ??= Date.now();
    if (Date.now() - refusedAt > patienceOf(outage)) return 'failed';
    await condition(() => power.news > news || stop(), LOOK_AGAIN);
  }
}

/** Milliseconds: longer than a silence that counts as blindness. */
function patienceOf({ settings }: Outage): number {
  return settings.rules.final.blind * 1_500;
}

/** What the work comes to, or null when something else goes before it; then it is cancelled. */
export async function unless<T>(stop: () => boolean, work: () => Promise<T>): Promise<T | null> {
  const working = new CancellationScope({ cancellable: true });
  const waiting = new CancellationScope({ cancellable: true });
  const running = working.run(work);
  running.catch(() => undefined);
  const stopped = waiting.run(() => condition(stop)).then(() => null);
  stopped.catch(() => undefined);
  try {
    return await Promise.race([running, stopped]);
  } finally {
    working.cancel();
    waiting.cancel();
  }
}
