import type { OutageReport } from '../../../domain/outage.ts';
import type { Lab, LabEvent } from '../../../lab/index.ts';
import { sceneOf, type Scene } from './judge.ts';
import type { UpsLooks } from './ups-looks.ts';

/** Milliseconds: the report rounds to seconds, and an answer takes a moment to be read. */
const TOLERANCE = 2_000;

/** Somebody asks a node to end: by its API, or by a command. */
const NODE_ENDS: ReadonlySet<string> = new Set(['reboot.request', 'shutdown.request']);
const GUEST_ENDS = /^(qm|vz)(shutdown|stop)$/;

/** What a node does by itself, as when it ends its guests because it ends. */
const ITSELF = 'api:root@pam';

/** The part of a lab that the judge looks at. */
type JudgedLab = Pick<Lab, 'log' | 'cluster' | 'mail' | 'schemaViolations'>;

/** An outage that is over. */
export interface PastOutage {
  readonly before: Scene;
  readonly report: OutageReport;
  readonly looks: UpsLooks;
  /** Subjects of the mails that it has to have sent, one each, beside those of its beginning and its end. */
  readonly phases?: readonly RegExp[];
}

/**
 * What must never have happened in one outage that took all nodes down, the one to shed first, however it was disturbed:
 * judged by what the lab saw.
 */
export function outageBreachesOf(lab: JudgedLab, { before, report, looks, phases = PHASES }: PastOutage): string[] {
  return [
    ...lab.schemaViolations,
    ...endedOnMains(lab),
    ...countedWrong(lab),
    ...outOfOrder(lab),
    ...notAsBefore(before, sceneOf(lab)),
    ...timeLost(report, looks),
    ...mailedWrong(lab, [/is on battery/, ...phases, /^Power is back/, /is over: all as before/]),
  ];
}

const PHASES = [/phase 2/, /phase 3/];

/** Nothing is told to end while the mains are there. */
function endedOnMains({ log }: Pick<Lab, 'log'>): string[] {
  let mains = true;
  return log.events.flatMap((event) => {
    if (event.action === 'mains.off') mains = false;
    if (event.action === 'mains.on') mains = true;
    return mains && isEnd(event) ? [`${event.action} of ${event.subject} by ${event.actor} with the mains on`] : [];
  });
}

/** Somebody tells a node or a guest to end. */
export function isEnd({ action, actor, detail }: LabEvent): boolean {
  if (action === 'task.start') return actor !== ITSELF && GUEST_ENDS.test(String(detail['type']));
  return NODE_ENDS.has(action);
}

function countedWrong({ log, cluster }: JudgedLab): string[] {
  const begin = log.of('mains.off')[0]?.seq ?? Infinity;
  const once = (action: string, subject: string): string[] => {
    const { length } = log.of(action).filter((event) => event.subject === subject && event.seq > begin);
    return length === 1 ? [] : [`${length} × ${action} of ${subject}`];
  };
  return [
    ...[...cluster.nodes.keys()].flatMap((name) =>
      ['node.shutdown', 'node.off', 'node.boot', 'node.up'].flatMap((action) => once(action, `node/${name}`)),
    ),
    ...[...cluster.guests.values()].flatMap(({ id }) =>
      ['guest.stop', 'guest.start'].flatMap((action) => once(action, id)),
    ),
  ];
}

/** The first node is off before the others are told. */
function outOfOrder({ log, cluster }: JudgedLab): string[] {
  const [last = ''] = [...cluster.nodes.keys()].slice(-1);
  const off = log.events.find(({ action, subject }) => action === 'node.off' && subject === `node/${last}`);
  const told = log.events.find(({ action, subject }) => NODE_ENDS.has(action) && subject !== `node/${last}`);
  return off !== undefined && told !== undefined && off.seq < told.seq
    ? []
    : [`${told?.subject ?? 'nobody'} was told to shut down before ${last} was off`];
}

function notAsBefore(before: Scene, after: Scene): string[] {
  return [
    ...Object.entries(before.places).flatMap(([vmid, place]) =>
      after.places[Number(vmid)] === place ? [] : [`guest ${vmid} was ${place} and is ${after.places[Number(vmid)]}`],
    ),
    ...after.traces.filter((trace) => !before.traces.includes(trace)),
  ];
}

/** From the first look that found it on battery to the first that found the mains back, whoever looked in between. */
function timeLost({ onBattery }: OutageReport, { out, back }: UpsLooks): string[] {
  const seconds = ((back ?? NaN) - (out ?? NaN)) / 1_000;
  return Math.abs(onBattery - seconds) <= TOLERANCE / 1_000
    ? []
    : [`${onBattery} s on battery by the report, ${seconds} s by the UPS`];
}

/** A mail that is sent a second time, because its worker died before it knew that it was taken, is the same mail. */
function mailedWrong({ mail }: JudgedLab, expected: readonly RegExp[]): string[] {
  const ids = new Map(mail.messages.map(({ messageId, subject }) => [messageId, subject]));
  const subjects = [...ids.values()];
  return [
    ...expected.flatMap((subject) => {
      const { length } = subjects.filter((each) => subject.test(each));
      return length === 1 ? [] : [`${length} mails say ${subject.source}`];
    }),
    ...(subjects.length === expected.length ? [] : [`mails: ${subjects.join('; ')}`]),
  ];
}
