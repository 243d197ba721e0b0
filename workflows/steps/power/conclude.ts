import type { OutageOutcome } from '../../../domain/outage.ts';
import { afterOutage } from '../../../planning/power-watch.ts';
import { outageReportMail } from '../../../reports/outage-mail.ts';
import type { PowerOutageResult } from '../../power-outage.ts';
import { describeOutcome } from '../run-attributes.ts';
import type { ReturnEnd } from './bring-back.ts';
import { seenOf, type Outage } from './outage.ts';
import { tell } from './tell.ts';

type Ended = Exclude<ReturnEnd, 'power-lost'>;

/** The report, the lease and the watch go to those who wait for them. */
export async function conclude(outage: Outage, ended: Ended): Promise<PowerOutageResult> {
  const { journal, power, lease, notices, recent } = outage;
  const { watch, seenAt } = await power.stop();
  const report = journal.conclude(outcomeOf(outage, ended), ended.exceptions, seenOf(outage, watch));
  await lease.release();
  describeOutcome(report.outcome);
  await tell({ ...outage, rehearsal: false }, 'report', (head) => outageReportMail(head.id, report));
  return { report, state: { watch: afterOutage(watch), seenAt }, told: notices.known, recent };
}

function outcomeOf({ rehearsal, changed }: Outage, { exceptions, isAborted }: Ended): OutageOutcome {
  if (rehearsal) return 'rehearsed';
  if (isAborted) return 'aborted';
  if (exceptions.length > 0) return 'restored-with-exceptions';
  return changed ? 'restored' : 'blip';
}
