import type { PowerSettings, SiteBefore } from '../../../domain/outage.ts';
import type { ChangesToTakeBack } from '../../power-restore.ts';
import type { OutageJournal } from './journal.ts';
import type { NoticeTeller } from './notices.ts';
import type { RestoreOrders } from './orders.ts';
import type { PowerWatcher } from './watcher.ts';

/** One return with all that its steps go by. */
export interface Restore {
  readonly id: string;
  readonly settings: PowerSettings;
  readonly site: SiteBefore | null;
  readonly changes: ChangesToTakeBack;
  readonly power: PowerWatcher;
  readonly journal: OutageJournal;
  readonly notices: NoticeTeller;
  readonly orders: RestoreOrders;
  readonly rehearsal: boolean;
  /** What is not as before, as of the last round. */
  exceptions: readonly string[];
}

/** A new outage has begun; a blip is none. */
export function isLost({ power, rehearsal }: Restore): boolean {
  const { byTime, byNeed } = power.verdict;
  return !rehearsal && (byTime !== 'normal' || byNeed !== 'normal');
}
