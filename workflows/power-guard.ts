import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  continueAsNew,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { powerOutageId } from '../domain/ids.ts';
import type { GuardStatus, PowerSettings } from '../domain/outage.ts';
import type { PowerNotice, PowerVerdict, WatchState } from '../domain/power.ts';
import { afterOutage, isAtLeast, NEW_WATCH } from '../planning/power-watch.ts';
import { noticeMail } from '../reports/outage-mail.ts';
import { guardStatusQuery } from './messages.ts';
import { now } from './steps/clock.ts';
import { explain } from './steps/failures.ts';
import { needed, watching } from './steps/power/activities.ts';
import { guardDetails } from './steps/power/details.ts';
import { createNoticeTeller } from './steps/power/notices.ts';
import { tell } from './steps/power/tell.ts';
import { powerOutage, type PowerOutageInput } from './power-outage.ts';
import { describeRun } from './steps/run-attributes.ts';

export interface PowerGuardInput {
  /** From the run before this one. */
  readonly carried?: {
    readonly state: WatchState;
    readonly told: readonly PowerNotice[];
    readonly recent: readonly string[];
    readonly since: string;
  };
}

/** After an answer that has failed, or that another run gives. */
const LOOK_AGAIN = '10 seconds';

/**
 * Watches a UPS for ever and has every power cut answered by `powerOutage`. While that runs, it watches, and this run waits
 * for it. What the UPS says on mains is told people: silence, a battery to be replaced, an order to shut down that stands.
 *
 * A quiet day adds a handful of events: the watch is one activity, which comes back with news only, and once a day so that
 * this run can continue as new.
 */
export async function powerGuard({ carried }: PowerGuardInput = {}): Promise<void> {
  describeRun('power-guard');
  const settings = await needed.loadPowerSettings.executeWithOptions({ summary: 'read the configuration' }, []);
  let state: WatchState = carried?.state ?? { watch: NEW_WATCH, seenAt: null };
  let verdict: PowerVerdict | null = null;
  let since = carried?.since ?? now();
  let outage = false;
  let recent = carried?.recent ?? [];
  const id = `power-guard/${workflowInfo().runId}`;
  const notices = createNoticeTeller(() => ({ id, settings, rehearsal: false }), carried?.told ?? []);
  const status = (): GuardStatus => ({
    cluster: settings.cluster,
    ups: settings.ups,
    since,
    verdict,
    reading: state.watch.reading,
    outage,
  });
  setHandler(guardStatusQuery, status, { description: 'What the UPS says, and whether an outage is being answered.' });

  for (;;) {
    const result = await watching.watchPower.executeWithOptions({ summary: `watch ${settings.ups}` }, [
      { state, rules: settings.rules, seen: verdict },
    ]);
    ({ state, verdict } = result);
    since = now();
    setCurrentDetails(guardDetails(status()));
    if (isAtLeast(verdict.byTime, 'hold') || isAtLeast(verdict.byNeed, 'hold')) {
      outage = true;
      setCurrentDetails(guardDetails(status()));
      const ended = await answerOutage(id, settings, { state, verdict, told: notices.known, recent });
      outage = false;
      state = ended.state;
      notices.goOn(ended.told);
      recent = ended.recent;
      verdict = null;
    } else {
      await notices.hear(verdict);
    }
    if (workflowInfo().historyLength > 100) {
      // One history tells of days, not of years; what is counted goes on.
      return continueAsNew<typeof powerGuard>({ carried: { state, told: notices.known, recent, since } });
    }
  }
}

interface OutageEnd {
  readonly state: WatchState;
  readonly told: readonly PowerNotice[];
  /** ISO 8601: when nodes were shut down lately. */
  readonly recent: readonly string[];
}

type Seen = NonNullable<PowerOutageInput['seen']>;

/** The run of the outage watches meanwhile. */
async function answerOutage(id: string, settings: PowerSettings, seen: Seen): Promise<OutageEnd> {
  const unanswered: OutageEnd = {
    state: { ...seen.state, watch: afterOutage(seen.state.watch) },
    told: seen.told,
    recent: seen.recent,
  };
  try {
    const child = await startChild(powerOutage, {
      workflowId: powerOutageId(settings.ups),
      args: [{ seen }],
      // It outlives this run: a guard that is started anew must not leave a site half down.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Power cut at ${settings.ups}`,
    });
    const { state, told, recent } = await child.result();
    return { state, told, recent };
  } catch (error) {
    // Another run answers it already. The UPS is looked at again soon: by then that one may be over.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      await tell({ id, settings, rehearsal: false }, `run-failed/${now()}`, (head) =>
        noticeMail({ ...head, notice: { code: 'run-failed', text: explain(error) }, over: false }),
      );
    }
    await sleep(LOOK_AGAIN);
    return unanswered;
  }
}
