import { condition } from '@temporalio/workflow';
import { toMilliseconds, type Duration } from '../../../domain/duration.ts';
import type { PowerSettings } from '../../../domain/outage.ts';
import type { PowerRules } from '../../../domain/power.ts';
import { restoreWaitsMail } from '../../../reports/outage-mail.ts';
import { orFailed, within } from './activities.ts';
import { isHistoryLong } from './continue.ts';
import type { Restore, RestoreMemory } from './restore.ts';
import { tell } from './tell.ts';

/** After several outages in a short time, nodes are woken only with a battery for another one. */
const LOOP_CHARGE = 80;
const LOOP_MILLISECONDS = 3_600_000;

/** So long one try to reach what the nodes need. */
const DOORS: Duration = '10 minutes';

/** The rules of the return: more charge is wanted when outages come one after the other, none when a person says so. */
export function restoreRules(
  { rules, restore }: PowerSettings,
  recent: readonly string[],
  { chargeWaived }: Pick<RestoreMemory, 'chargeWaived'>,
): PowerRules {
  if (chargeWaived) return { ...rules, restore: { ...rules.restore, charge: 0, withoutCharge: 0 } };
  const lately = recent.filter((at) => Date.now() - Date.parse(at) < LOOP_MILLISECONDS).length;
  if (lately <= restore.loopGuard) return rules;
  return { ...rules, restore: { ...rules.restore, charge: Math.max(rules.restore.charge, LOOP_CHARGE) } };
}

/** Waits until nodes may be woken: mains that stay, a battery for another outage, no order to shut down, a NAS that answers. */
export async function awaitGate(restore: Restore): Promise<'open' | 'too-long'> {
  const { journal, settings, rehearsal, recent, memory } = restore;
  if (rehearsal) return 'open';
  const { charge } = restoreRules(settings, recent, memory).restore;
  if (charge > settings.rules.restore.charge) {
    journal.note(`${recent.length} outages have shut nodes down lately: none is woken below ${charge} %`);
  }
  if (!(await awaitBattery(restore))) return 'too-long';
  journal.note('mains and battery allow nodes to be woken');
  const areOpen = await awaitDoors(restore);
  journal.waitsFor(null);
  return areOpen ? 'open' : 'too-long';
}

/** False when the history grows long. */
async function awaitBattery(restore: Restore): Promise<boolean> {
  const { journal, power, settings, orders, memory, recent } = restore;
  const tellAt = Date.parse(memory.since) + toMilliseconds(settings.restore.tellAfter);
  let { retries } = orders;
  for (let told = false; !power.verdict.mayWake;) {
    journal.waitsFor(`mains and battery: ${power.verdict.notYet ?? ''}`);
    const { news } = power;
    const stirs = (): boolean => power.news > news || orders.retries > retries || isHistoryLong();
    const patience = Math.max(1, tellAt - Date.now());
    const isTime = told ? (await condition(stirs), false) : !(await condition(stirs, patience));
    if (isHistoryLong()) return false;
    if (orders.retries > retries) {
      ({ retries } = orders);
      memory.chargeWaived = true;
      power.useRules(restoreRules(settings, recent, memory));
    }
    if (!isTime) continue;
    told = true;
    await power.lookNow();
    const exceptions = [
      `no node is woken yet: ${power.verdict.notYet ?? ''}. \`caretaker power retry\` wakes them without waiting for the charge`,
    ];
    await tell(restore, 'battery', (head) => restoreWaitsMail({ ...head, exceptions }));
  }
  return true;
}

/** False when the history grows long. */
async function awaitDoors(restore: Restore): Promise<boolean> {
  const { journal, settings } = restore;
  const doors = settings.restore.needs;
  while (doors.length > 0) {
    if (isHistoryLong()) return false;
    journal.waitsFor(doors.map(({ name }) => name).join(', '));
    const act = await orFailed(
      within(DOORS).awaitDoors.executeWithOptions({ summary: 'wait for what the nodes need' }, [
        { doors, within: DOORS },
      ]),
    );
    journal.note(act.words);
    if (act.outcome === 'done') return true;
    const exceptions = [`nothing is woken yet: ${act.words}`];
    await tell(restore, 'doors', (head) => restoreWaitsMail({ ...head, exceptions }));
  }
  return true;
}
