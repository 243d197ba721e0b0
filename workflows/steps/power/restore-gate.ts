import { condition } from '@temporalio/workflow';
import type { Duration } from '../../../domain/duration.ts';
import type { PowerSettings } from '../../../domain/outage.ts';
import type { PowerRules } from '../../../domain/power.ts';
import { restoreWaitsMail } from '../../../reports/outage-mail.ts';
import { orFailed, within } from './activities.ts';
import type { Restore } from './restore.ts';
import { tell } from './tell.ts';

/** After several outages in a short time, nodes are woken only with a battery for another one. */
const LOOP_CHARGE = 80;
const LOOP_MILLISECONDS = 3_600_000;

/** So long one try to reach what the nodes need. */
const DOORS: Duration = '10 minutes';

/** The rules of the return: more charge is wanted when outages come one after the other. */
export function restoreRules(settings: PowerSettings, recent: readonly string[]): PowerRules {
  const { rules, restore } = settings;
  const lately = recent.filter((at) => Date.now() - Date.parse(at) < LOOP_MILLISECONDS).length;
  if (lately <= restore.loopGuard) return rules;
  return { ...rules, restore: { ...rules.restore, charge: Math.max(rules.restore.charge, LOOP_CHARGE) } };
}

/** Waits until nodes may be woken: mains that stay, a battery for another outage, no order to shut down, a NAS that answers. */
export async function awaitGate(restore: Restore, recent: readonly string[]): Promise<void> {
  const { journal, power, settings, rehearsal } = restore;
  if (rehearsal) return;
  const { charge } = restoreRules(settings, recent).restore;
  if (charge > settings.rules.restore.charge) {
    journal.note(`${recent.length} outages have shut nodes down lately: none is woken below ${charge} %`);
  }
  journal.waitsFor(`mains and battery: ${power.verdict.notYet ?? ''}`);
  await condition(() => power.verdict.mayWake);
  journal.note('mains and battery allow nodes to be woken');
  const doors = settings.restore.needs;
  for (let tries = 0; doors.length > 0; tries += 1) {
    journal.waitsFor(doors.map(({ name }) => name).join(', '));
    const act = await orFailed(
      within(DOORS).awaitDoors.executeWithOptions({ summary: 'wait for what the nodes need' }, [
        { doors, within: DOORS },
      ]),
    );
    journal.note(act.words);
    if (act.outcome === 'done') break;
    if (tries === 0) {
      const exceptions = [`nothing is woken yet: ${act.words}`];
      await tell(restore, 'doors', (head) => restoreWaitsMail({ ...head, exceptions }));
    }
  }
  journal.waitsFor(null);
}
