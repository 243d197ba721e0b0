import type { GuardStatus, OutageProgress, OutageReport } from '../../../domain/outage.ts';

/** Markdown that Temporal's Web UI shows as the current details of an outage or a return. */
export function outageDetails(progress: OutageProgress, ended: OutageReport | null): string {
  const { stage, because, onBattery, charge, runtime, nodes, waitingFor, events, rehearsal } = progress;
  const battery = [
    `${onBattery} s on battery`,
    ...(charge === null ? [] : [`charge ${charge} %`]),
    ...(runtime === null ? [] : [`runtime ${runtime} s`]),
  ].join(', ');
  const fates = Object.entries(nodes).map(([node, fate]) => `| ${node} | ${fate} |`);
  return [
    `**${rehearsal ? 'Rehearsal: ' : ''}${ended === null ? stage : ended.outcome}**${because === null ? '' : `: ${because}`}`,
    '',
    battery,
    ...(waitingFor === null ? [] : ['', `**Waits for** ${waitingFor}`]),
    ...(fates.length === 0 ? [] : ['', '| node | state |', '| --- | --- |', ...fates]),
    ...(ended === null || ended.exceptions.length === 0
      ? []
      : ['', '**To do**', '', ...ended.exceptions.map((each) => `- ${each}`)]),
    '',
    ...events.slice(-20).map((event) => `- ${event.at.slice(11, 19)} (${event.onBattery} s) ${event.text}`),
  ].join('\n');
}

const MAINS = { on: 'on mains', back: 'on mains again', out: 'on battery' } as const;

/** The same for the watch of a UPS. */
export function guardDetails({ ups, since, verdict, reading, outage }: GuardStatus): string {
  if (outage) return `**${ups}**: a power cut is being answered`;
  if (verdict === null) return `**${ups}**: not looked at yet`;
  return [
    `**${ups}**: ${MAINS[verdict.mains]} since ${since} (${reading?.status.join(' ') ?? 'no answer'})`,
    ...(verdict.notices.length === 0 ? [] : ['', ...verdict.notices.map(({ text }) => `- ${text}`)]),
  ].join('\n');
}
