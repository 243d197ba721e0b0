import type { PowerNotice, PowerVerdict } from '../../../domain/power.ts';
import { noticeMail } from '../../../reports/outage-mail.ts';
import { now } from '../clock.ts';
import { tell, type Teller } from './tell.ts';

/** Mails what the UPS has begun to say, once, and once that it is over. */
export interface NoticeTeller {
  /** What people have been told of so far. */
  readonly known: readonly PowerNotice[];
  hear(verdict: PowerVerdict): Promise<void>;
  /** Goes on from what another run has told. */
  goOn(told: readonly PowerNotice[]): void;
}

/** @param before What the run before has told. */
export function createNoticeTeller(teller: () => Teller, before: readonly PowerNotice[]): NoticeTeller {
  let known = before;
  const send = (notice: PowerNotice, over: boolean): Promise<void> =>
    tell(teller(), `${notice.code}/${over ? 'over/' : ''}${now()}`, (head) => noticeMail({ ...head, notice, over }));
  return {
    get known() {
      return known;
    },
    goOn(told) {
      known = told;
    },
    async hear({ notices }) {
      const begun = notices.filter(({ code }) => !known.some((each) => each.code === code));
      const over = known.filter(({ code }) => !notices.some((each) => each.code === code));
      known = notices;
      for (const notice of begun) await send(notice, false);
      for (const notice of over) await send(notice, true);
    },
  };
}
