import { describeMilliseconds } from '../domain/duration.ts';
import type { NutClientLine, NutClientsReport } from '../domain/nut-client.ts';
import { plain, type Item, type ReportDocument, type Section, type Text } from './document.ts';
import { FLEET_OUTCOMES, pointInTime, sentence } from './words.ts';

const MARKS: Readonly<Record<NutClientLine['outcome'], { readonly mark: string; readonly tone: Text['tone'] }>> = {
  changed: { mark: '✔', tone: 'good' },
  unchanged: { mark: '✔', tone: 'faint' },
  failed: { mark: '✘', tone: 'bad' },
  'not-started': { mark: '·', tone: 'caution' },
};

/** What a report about the NUT clients of the nodes says. */
export function nutClientsDocument(report: NutClientsReport): ReportDocument {
  const { cluster, task, ups, reason, clients, startedAt, endedAt } = report;
  const outcome = FLEET_OUTCOMES[report.outcome];
  const took = describeMilliseconds(Date.parse(endedAt) - Date.parse(startedAt));
  return {
    title: `${task === 'provision' ? 'NUT clients' : 'Removal of the NUT clients'} of ${cluster}`,
    outcome: { ...outcome, text: `${outcome.text} · ${took}` },
    summary: [sentence(reason)],
    facts: [
      ['UPS', ups],
      ['Began', pointInTime(startedAt)],
    ],
    sections: [
      { title: plain('Nodes'), blocks: [{ kind: 'items', items: clients.map(clientItem) }] },
      ...advice(report),
    ],
  };
}

export function clientItem({ node, outcome, reason }: NutClientLine): Item {
  const { mark, tone } = MARKS[outcome];
  return { text: `${mark} ${node}: ${reason}`, tone };
}

/** What only a person can look at: NUT does not tell it over the network. */
export const SERVER_ADVICE =
  'See that /etc/nut/upsmon.conf there has at least these seconds, or it cuts the power while guests still stop: nodes log out when their shutdown begins, so that HOSTSYNC alone does not wait for the end of it. Nobody can ask for it over the network. Then reload it: upsmon -c reload.';

function advice({ advice: lines }: NutClientsReport): Section[] {
  if (lines.length === 0) return [];
  const items = lines.map(plain);
  return [
    {
      title: plain('On the NUT server'),
      blocks: [
        { kind: 'text', text: SERVER_ADVICE },
        { kind: 'items', items },
      ],
    },
  ];
}
