import type { LeaseState } from '../../domain/lease.ts';
import type { FleetProgress, FleetReport, HostProgress, HostReport, WeeklyProgress } from '../../domain/patch.ts';
import type { NutClientsProgress } from '../../domain/nut-client.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { GuestProgress, NodeProgress, RollProgress } from '../../domain/report.ts';
import { undoKey, type OpenUndo, type UndoView } from '../../domain/undo.ts';
import { describeQuestion } from '../../planning/decide.ts';
import { describeOutcomes } from '../../planning/host-line.ts';
import { describeOpenUndo } from '../../reports/undo-items.ts';

/** Markdown that Temporal's Web UI shows as the current details of a run. */
export function nodeDetails(progress: NodeProgress, warnings: readonly string[]): string {
  const guests = progress.guests.map(
    (guest) => `| ${guest.name} | ${guest.vmid} | ${guest.how} | ${guest.at} | ${guest.node} |`,
  );
  return [
    `**${progress.node}**: ${progress.phase}`,
    ...(progress.question === null ? [] : ['', `**Waits for**: ${describeQuestion(progress.question)}`]),
    ...(guests.length > 0
      ? ['', '| guest | vmid | how | state | on |', '| --- | --- | --- | --- | --- |', ...guests]
      : []),
    ...undoTable(progress.undo),
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `- ${warning}`)] : []),
  ].join('\n');
}

export function rollDetails(progress: RollProgress, plan: readonly NodePlan[]): string {
  const byNode = new Map(plan.map((node) => [node.node, node]));
  const rows = progress.nodes.map((node) => {
    const planned = byNode.get(node.node);
    return `| ${node.node} | ${node.phase} | ${planned ? `${planned.action}: ${planned.reason}` : ''} | ${away(node.guests)} |`;
  });
  return [
    ...(progress.paused ? ['**Paused**: send `resume` to go on.', ''] : []),
    ...(progress.waitingFor === null ? [] : [`**Waits for**: ${progress.waitingFor}`, '']),
    ...(rows.length > 0 ? ['| node | phase | plan | guests away |', '| --- | --- | --- | --- |', ...rows] : []),
    ...undoTable(progress.nodes.flatMap(({ undo }) => undo)),
  ].join('\n');
}

/** What is still to be undone, for the run that goes on trying. */
export function undoDetails({ node, open, state, tries, nextTry, until }: UndoView): string {
  const next = nextTry === null ? state : `next try at ${nextTry}`;
  return [
    `**${node}**: ${next}, ${tries === 1 ? '1 try' : `${tries} tries`} so far; gives up at ${until}`,
    ...undoTable(open),
    ...(open.length === 0 ? [] : ['', HOW_TO_STEER]),
  ].join('\n');
}

const HOW_TO_STEER = 'Update `retryNow`: try now. Update `forget`: leave it to people, one entry by its key or all.';

function undoTable(open: readonly OpenUndo[]): string[] {
  if (open.length === 0) return [];
  return [
    '',
    '| entry | still to be undone | why | by hand |',
    '| --- | --- | --- | --- |',
    ...open.map(({ undo, reason, remedy }) =>
      ['', undoKey(undo), describeOpenUndo(undo), inCell(reason), remedy, ''].join(' | ').trim(),
    ),
  ];
}

function inCell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
}

/** The patching of one host. */
export function hostDetails(progress: HostProgress, warnings: readonly string[], ended: HostReport | null): string {
  const { host, phase, waitingFor, waitingUntil } = progress;
  const until = waitingUntil === null ? '' : `, until ${waitingUntil}`;
  return [
    `**${host}**: ${ended === null ? phase : `${ended.outcome}: ${ended.reason}`}`,
    ...(waitingFor === null ? [] : ['', `**Waits for** ${waitingFor}${until}`]),
    ...(ended?.remedy ? ['', `**To do**: ${ended.remedy}`] : []),
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `- ${inCell(warning)}`)] : []),
  ].join('\n');
}

/** Who has the cluster and who waits for it. */
export function leaseDetails({ holder, queue }: LeaseState): string {
  if (holder === null) return 'Nobody has the cluster, and nobody waits for it.';
  const told = holder.preemptedBy === null ? '' : `, told to make way for ${holder.preemptedBy.run.workflowId}`;
  const rows = [
    { claim: holder, state: `has the cluster${told}` },
    ...queue.map((claim, index) => ({ claim, state: `waits, ${index + 1}.` })),
  ];
  return [
    '| run | state | since | to | priority |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ claim, state }) =>
        `| ${claim.run.workflowId} | ${state} | ${claim.since} | ${claim.reason} | ${claim.priority} |`,
    ),
  ].join('\n');
}

function away(guests: readonly GuestProgress[]): string {
  if (guests.length === 0) return '';
  return `${guests.filter((guest) => guest.at !== 'home' && guest.at !== 'stays').length} of ${guests.length}`;
}

/** The patching of a group. Its report names all hosts; this, those that somebody looks for. */
export function fleetDetails(progress: FleetProgress, ended: FleetReport | null): string {
  const { name, paused, waitingFor, hosts, inHand, over, bad } = progress;
  const left = hosts - inHand.length - Object.values(over).reduce((sum, amount) => sum + amount, 0);
  const rows = [
    ...bad.slice(-MOST_ROWS).map(({ host, outcome, reason }) => `| ${host} | ${outcome} | ${inCell(reason)} |`),
    ...inHand.slice(0, MOST_ROWS).map((host) => `| ${host} | in hand | |`),
  ];
  return [
    ...(paused ? ['**Paused**: send `resume` to go on.', ''] : []),
    ...(waitingFor === null ? [] : [`**Waits for**: ${waitingFor}`, '']),
    ended === null
      ? `**${name}**: ${hosts} hosts, ${inHand.length} in hand, ${left} to come; so far ${describeOutcomes(over)}`
      : `**${name}**: ${ended.outcome}: ${inCell(ended.reason)}`,
    ...(rows.length === 0 ? [] : ['', '| host | state | why |', '| --- | --- | --- |', ...rows]),
  ].join('\n');
}

const MOST_ROWS = 20;

/** The weekly updates, group by group. */
export function weeklyDetails({ groups, paused, waitingFor }: WeeklyProgress): string {
  return [
    ...(paused ? ['**Paused**: send `resume` to go on.', ''] : []),
    ...(waitingFor === null ? [] : [`**Waits for**: ${waitingFor}`, '']),
    '| group | state |',
    '| --- | --- |',
    ...groups.map(({ name, state }) => `| ${name} | ${state} |`),
  ].join('\n');
}

/** The NUT clients of the nodes. */
export function nutClientsDetails({ task, waitingFor, inHand, over }: NutClientsProgress): string {
  const rows = [
    ...over.map(({ node, outcome, reason }) => `| ${node} | ${outcome} | ${inCell(reason)} |`),
    ...(inHand === null ? [] : [`| ${inHand} | in hand: ${task} | |`]),
  ];
  return [
    ...(waitingFor === null ? [] : [`**Waits for**: ${waitingFor}`, '']),
    ...(rows.length === 0 ? [] : ['| node | state | what |', '| --- | --- | --- |', ...rows]),
  ].join('\n');
}
