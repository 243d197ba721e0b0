import type { OutageReport } from '../../../domain/outage.ts';
import type { PowerRun } from './power-run.ts';

/** What must never be, however an outage went; empty: nothing of it was. */
export function breachesOf(run: PowerRun, report: OutageReport | null): string[] {
  const { site, mails } = run;
  const { events } = site;
  const first = (what: string): number => events.find((event) => event.what === what)?.at ?? Infinity;
  const breaches: string[] = [];
  for (const { at, what } of events) {
    if (/: stop | shuts down$/.test(what) && site.mains(at)) breaches.push(`${at} ${what}: the mains were on`);
    if (/loses power$/.test(what)) breaches.push(`${at} ${what}`);
  }
  for (const node of site.nodes.values()) {
    const was = site.options.off?.includes(node.name) !== true;
    if (was !== (node.state === 'on') && !isTold(run, report, node.name)) {
      breaches.push(`${node.name} is ${node.state}, and nobody was told`);
    }
  }
  const before = run.guestsBefore;
  for (const guest of site.guests) {
    if (guest.running !== before.get(guest.vmid) && !isTold(run, report, guest.name)) {
      breaches.push(`${guest.name} ${guest.running ? 'runs' : 'does not run'}, and nobody was told`);
    }
  }
  if (first('pve1 shuts down') < first('pve2 off') && first('pve2 shuts down') !== Infinity) {
    breaches.push('pve1 was shut down before pve2 was off');
  }
  const votes = events.filter(({ what }) => what.startsWith('pve1: expects'));
  const arePutBack = votes.length === 0 || votes.at(-1)?.what === `pve1: expects ${site.nodes.size}`;
  if (!arePutBack && !isTold(run, report, 'pvecm expected')) {
    breaches.push('the expected votes were not put back');
  }
  if ((votes[0]?.at ?? Infinity) < first('pve2 off')) breaches.push('votes were lowered before pve2 was off');
  if (report !== null && !mails.some(({ subject }) => /over|report|restored|back/i.test(subject))) {
    breaches.push('nobody was mailed how it ended');
  }
  return breaches;
}

function isTold({ mails }: PowerRun, report: OutageReport | null, name: string): boolean {
  const excepted = report?.exceptions.some((exception) => exception.includes(name)) ?? false;
  return excepted && mails.some(({ text }) => text.includes(name));
}
