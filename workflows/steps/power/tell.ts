import type { MailMessage } from '../../../domain/mail.ts';
import { notify } from '../notify.ts';

/** Which outage a mail is about. */
export interface MailHead {
  readonly id: string;
  readonly cluster: string;
  readonly ups: string;
}

/** Who tells: an outage, a return or the guard. */
export interface Teller {
  readonly id: string;
  readonly settings: { readonly cluster: string; readonly ups: string };
  readonly rehearsal: boolean;
}

/** Sends a mail once, by a run of its own: the outage never waits for it. A rehearsal keeps to itself. */
export async function tell(teller: Teller, about: string, mail: (head: MailHead) => MailMessage): Promise<void> {
  const { id, settings, rehearsal } = teller;
  if (rehearsal) return;
  await notify(mail({ id: `${id}/${about}`, cluster: settings.cluster, ups: settings.ups }));
}
