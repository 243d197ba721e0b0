import { describeMilliseconds } from '../domain/duration.ts';
import type { MailMessage } from '../domain/mail.ts';
import type { OutageProgress, OutageReport } from '../domain/outage.ts';
import type { PowerNotice, PowerReading } from '../domain/power.ts';
import { isAway } from '../planning/node-fate.ts';
import { itemsBlock, plain, type Block, type Section } from './document.ts';
import { nodesTable, outageDocument, timeOnBattery } from './outage-document.ts';
import { reportMail } from './report-mail.ts';
import { count, sentence, sentences } from './words.ts';

/** What every mail about one outage has in common. */
export interface OutageMailHead {
  /** Of the mail. */
  readonly id: string;
  readonly cluster: string;
  /** Name of the UPS at its NUT server. */
  readonly ups: string;
}

const STATUS_HINT = 'Now: caretaker power status. To stay in this phase: caretaker power hold.';
const BACK_HINT = 'Now: caretaker power status.';
const RETURN_HINT = `${BACK_HINT} To end the return and leave the rest to you: caretaker power abort.`;
const REPORT_HINT = 'The UPS and the guard: caretaker power status. What the next one would do: caretaker power plan.';

/** The first word of an outage, while all nodes run. */
export function outageBeganMail({
  reading,
  ...head
}: OutageMailHead & { readonly reading: PowerReading | null }): MailMessage {
  return outageMail(head, {
    subject: `POWER OUT: ${head.cluster} is on battery${inBrackets(reading)}`,
    title: `${head.cluster} is on battery`,
    outcome: { text: 'all nodes run', tone: 'caution' },
    summary: ['Maintenance makes way. Nothing is shut down yet; when the mains come back, nothing will be.'],
    sections: [],
    hint: STATUS_HINT,
  });
}

/** The mains have failed again before everything was back. */
export function outageAgainMail({
  reading,
  progress,
  ...head
}: OutageMailHead & { readonly reading: PowerReading | null; readonly progress: OutageProgress }): MailMessage {
  return outageMail(head, {
    subject: `POWER OUT: ${head.cluster} is on battery again${inBrackets(reading)}`,
    title: `${head.cluster} is on battery again`,
    outcome: { text: 'the return has stopped', tone: 'caution' },
    summary: [
      `The mains failed before everything was back. The time on battery counts on: ${timeOnBattery(progress)} so far.`,
      'When the mains come back, what was shut down is brought back as it was before the first of the outages.',
    ],
    sections: [nodesTable(progress.nodes)],
    hint: STATUS_HINT,
  });
}

function inBrackets(reading: PowerReading | null): string {
  const battery = reading === null ? '' : describeReading(reading);
  return battery === '' ? '' : ` (${battery})`;
}

/** Phase 2 or 3 begins. */
export function phaseMail({
  phase,
  because,
  progress,
  ...head
}: OutageMailHead & {
  readonly phase: 'shed' | 'final';
  readonly because: string | null;
  readonly progress: OutageProgress;
}): MailMessage {
  const what = phase === 'shed' ? 'phase 2, some nodes are shut down' : 'phase 3, everything is shut down';
  return outageMail(head, {
    subject: `POWER OUT: ${head.cluster}: ${what}`,
    title: `${head.cluster} after ${timeOnBattery(progress)} on battery`,
    outcome: { text: what, tone: 'caution' },
    summary: [
      ...(because === null ? [] : [sentence(`It begins now: ${because}`)]),
      'When the mains come back, what was shut down is brought back as it was.',
    ],
    sections: [nodesTable(progress.nodes)],
    hint: STATUS_HINT,
  });
}

/** The battery cannot wait any more, and a person has ended the answer to the outage. */
export function notDoneMail({
  because,
  progress,
  ...head
}: OutageMailHead & { readonly because: string | null; readonly progress: OutageProgress }): MailMessage {
  return outageMail(head, {
    subject: `POWER OUT: ${head.cluster} will lose its power, and nothing more is shut down: it was aborted`,
    title: `${head.cluster} after ${timeOnBattery(progress)} on battery`,
    outcome: { text: '! nothing more is shut down', tone: 'bad' },
    summary: [
      ...(because === null ? [] : [sentence(`Phase 3 would begin now: ${because}`)]),
      'A person has ended the answer to this power cut. What is still on will lose its power with the battery: shut it down by hand.',
    ],
    sections: [nodesTable(progress.nodes)],
    hint: STATUS_HINT,
  });
}

export function mainsBackMail({
  progress,
  ...head
}: OutageMailHead & { readonly progress: OutageProgress }): MailMessage {
  const nothingDown = !Object.values(progress.nodes).some(isAway);
  return outageMail(head, {
    subject: `Power is back: ${head.cluster}, after ${timeOnBattery(progress)} on battery`,
    title: `${head.cluster} is on mains again`,
    outcome: { text: `after ${timeOnBattery(progress)}`, tone: 'good' },
    summary: [
      nothingDown
        ? 'All nodes are on. Guests that were shut down are started again.'
        : 'Nodes are woken as soon as the battery would bear another outage. A report follows.',
    ],
    sections: [nodesTable(progress.nodes)],
    hint: BACK_HINT,
  });
}

/** Something that the UPS says or does not say, when it begins and when it is over. */
export function noticeMail({
  notice,
  over,
  ...head
}: OutageMailHead & { readonly notice: PowerNotice; readonly over: boolean }): MailMessage {
  const { code, text } = notice;
  return outageMail(head, {
    subject: `${over ? 'Over' : 'TO DO'}: UPS ${head.ups} of ${head.cluster}: ${text}`,
    title: `UPS ${head.ups} of ${head.cluster}`,
    outcome: over ? { text: '✔ over', tone: 'good' } : { text: `! ${code}`, tone: 'caution' },
    summary: [sentence(text), ...(over ? ['This is not so any more.'] : [REMEDIES[code]])],
    sections: [],
    hint: REPORT_HINT,
  });
}

const REMEDIES: Readonly<Record<PowerNotice['code'], string>> = {
  'ups-silent':
    'A power cut would not be seen now. Look at the NUT server: whether it runs, and whether its driver reaches the UPS (upsc on that machine).',
  'ups-config': 'A power cut would not be seen now. Correct power.ups in the configuration, then restart the worker.',
  'fsd-latched':
    'The NUT server still orders a shutdown, so nodes that start would shut down again: none is woken. Restart upsd on the NUT host (systemctl restart nut-server).',
  'battery-replace': 'Replace the battery. Until then, expect less runtime than the UPS reports.',
  'battery-low-on-mains': 'The next power cut will begin with phase 3. It clears when the battery has charged.',
  'discharging-on-mains':
    'It may be a self-test. If it is not, the UPS may be one that says this while it is on battery: then set power.onlineDischarge to on-battery.',
  overload: 'Take load off the UPS: in a power cut it may drop everything at once.',
  'output-off': 'The UPS gives no power to its outlets. Look at it.',
  'no-charge': 'Phases cannot begin by charge; runtime, time and the low-battery signal still count.',
  'run-failed':
    'The UPS is watched on. Look at the failed run in the Web UI (power-outage/…), and start by hand what it has left down.',
  'no-runtime': 'Phases cannot begin by runtime; charge, time and the low-battery signal still count.',
};

/** How an outage, or its rehearsal, ended. The subject says first whether somebody has to do something. */
export function outageReportMail(id: string, report: OutageReport): MailMessage {
  const subject = subjectOf(report);
  return reportMail({ id, subject, hints: [REPORT_HINT] }, (longest) =>
    outageDocument(report, { longest: longest * 4 }),
  );
}

function subjectOf(report: OutageReport): string {
  const { cluster, outcome, exceptions } = report;
  const time = `${timeOnBattery(report)} on battery`;
  switch (outcome) {
    case 'restored':
      return `Power cut of ${cluster} is over: all as before (${time})`;
    case 'blip':
      return `Power cut of ${cluster} is over: nothing was shut down (${time})`;
    case 'restored-with-exceptions':
      return `TO DO: after the power cut of ${cluster}, ${count(exceptions.length, 'thing')} not as before`;
    case 'aborted':
      return `ABORTED: power cut of ${cluster}: ${exceptions[0] ?? 'a person ended it'}`;
    case 'rehearsed':
      return `Rehearsal of a power cut of ${cluster}: nothing was changed`;
  }
}

/** A node does not come back, whatever wakes it. */
export function nodeMissingMail({
  node,
  words,
  ...head
}: OutageMailHead & { readonly node: string; readonly words: string }): MailMessage {
  return outageMail(head, {
    subject: `TO DO: ${node} of ${head.cluster} does not come back after the power cut`,
    title: `${node} does not come back`,
    outcome: { text: '✘ missing', tone: 'bad' },
    summary: [sentence(`${node} was on before the power cut and does not answer: ${words}`)],
    sections: [todo(`Turn ${node} on by hand. Caretaker goes on as soon as it answers, and looks again by itself.`)],
    hint: RETURN_HINT,
  });
}

/** A node was told to shut down and was not seen off in time. */
export function nodeUnverifiedMail({
  node,
  words,
  ...head
}: OutageMailHead & { readonly node: string; readonly words: string }): MailMessage {
  return outageMail(head, {
    subject: `POWER OUT: ${node} of ${head.cluster} was not seen off`,
    title: `${node} may still be on`,
    outcome: { text: '! not seen off', tone: 'caution' },
    summary: [
      sentence(`${node} was told to shut down, and in the time for it nothing proved that it is off: ${words}`),
      'It may still draw power. The outage goes on without waiting for it.',
    ],
    sections: [],
    hint: STATUS_HINT,
  });
}

/** The return has to wait, for a person or for something that is not there yet. */
export function restoreWaitsMail({
  exceptions,
  ...head
}: OutageMailHead & { readonly exceptions: readonly string[] }): MailMessage {
  return outageMail(head, {
    subject: `TO DO: the return of ${head.cluster} after the power cut waits`,
    title: `Not all of ${head.cluster} is back`,
    outcome: { text: '! waits', tone: 'caution' },
    summary: ['The mains are back. What follows is missing; it is looked at again, more rarely with time.'],
    sections: [sentences('Missing', exceptions)],
    hint: RETURN_HINT,
  });
}

/** Phase 2 does nothing, and why. */
export function shedRefusedMail({ why, ...head }: OutageMailHead & { readonly why: string }): MailMessage {
  return outageMail(head, {
    subject: `POWER OUT: ${head.cluster}: phase 2 sheds nothing`,
    title: `Phase 2 sheds nothing of ${head.cluster}`,
    outcome: { text: 'all nodes stay until phase 3', tone: 'caution' },
    summary: [sentence(why)],
    sections: [],
    hint: STATUS_HINT,
  });
}

function outageMail(
  { id, cluster, ups }: OutageMailHead,
  {
    subject,
    hint,
    ...document
  }: Omit<Parameters<typeof documentOf>[0], 'facts'> & { readonly subject: string; readonly hint: string },
): MailMessage {
  const facts = [
    ['Cluster', cluster],
    ['UPS', ups],
  ] as const;
  return reportMail({ id, subject, hints: [hint] }, (longest) => documentOf({ ...document, facts }, longest));
}

function documentOf(document: ReturnType<typeof outageDocument>, longest: number): ReturnType<typeof outageDocument> {
  const cut = (block: Block): Block => (block.kind === 'items' ? itemsBlock(block.items, longest) : block);
  const sections = document.sections.map((section) => ({ ...section, blocks: section.blocks.map(cut) }));
  return { ...document, sections };
}

function todo(text: string): Section {
  return { title: plain('To do'), blocks: [{ kind: 'text', text }] };
}

/** `charge 97 %, 24 min left, load 18 %`; what is not reported is left out. */
export function describeReading({ charge, runtime, load }: PowerReading): string {
  return [
    ...('value' in charge ? [`charge ${Math.round(charge.value)} %`] : []),
    ...('value' in runtime ? [`${describeMilliseconds(runtime.value * 1_000)} left`] : []),
    ...('value' in load ? [`load ${Math.round(load.value)} %`] : []),
  ].join(', ');
}
