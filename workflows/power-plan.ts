import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { PowerPlan } from '../domain/power-plan.ts';
import { planOutage, rulesFor } from '../planning/outage-plan.ts';
import { timeLineOf } from '../planning/outage-time-line.ts';
import { asMarkdown } from '../reports/as-markdown.ts';
import { powerPlanDocument } from '../reports/power-plan-document.ts';
import { powerPlanQuery } from './messages.ts';
import { now } from './steps/clock.ts';
import { once, within } from './steps/power/activities.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

/**
 * What a power cut that begins now would do: which node goes when and why, by when it is off, what becomes of quorum, and
 * whether the battery lasts for it. It reads the site and the UPS, and changes nothing.
 */
export async function powerPlan(): Promise<PowerPlan> {
  describeRun('power-plan');
  let made: PowerPlan | null = null;
  setHandler(powerPlanQuery, () => made, { description: 'The plan, or null before there is one.' });
  const settings = await within('1 minute').loadPowerSettings.executeWithOptions(
    { summary: 'read the configuration' },
    [],
  );
  const [site, { reading }] = await Promise.all([
    once('1 minute').readSite.executeWithOptions({ summary: 'look at the cluster' }, []),
    once('30 seconds').readPowerNow.executeWithOptions({ summary: `look at ${settings.ups}` }, []),
  ]);
  const plan = planOutage(site, settings);
  const rules = rulesFor(settings, plan);
  made = {
    cluster: settings.cluster,
    ups: settings.ups,
    madeAt: now(),
    reading,
    rules,
    plan,
    timeLine: timeLineOf(plan, rules, settings, reading),
  };
  setCurrentDetails(asMarkdown(powerPlanDocument(made)));
  describeOutcome('planned');
  return made;
}
