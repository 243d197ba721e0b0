import type { MailMessage } from '../domain/mail.ts';
import { documentMail } from './document-mail.ts';

export interface LeftSnapshot {
  readonly host: string;
  readonly vmid: number;
  readonly name: string;
  readonly why: string;
}

/** The mail that leaves the removal of a snapshot to a person. */
export function snapshotMail(id: string, { host, vmid, name, why }: LeftSnapshot): MailMessage {
  return documentMail(id, `TO DO: remove the snapshot ${name} of ${host} (${vmid}) by hand`, {
    title: `A snapshot of ${host} could not be removed`,
    outcome: { text: '✘ given up', tone: 'bad' },
    summary: [
      `The snapshot ${name} was taken before ${host} was patched, and its time is over. It was tried for a day: ${why}`,
      'It grows with all that the guest writes: remove it in the web interface, under Snapshots of the guest.',
    ],
    facts: [],
    sections: [],
  });
}
