import { condition } from '@temporalio/workflow';
import type { Duration } from '../../../domain/duration.ts';
import type { NodeBefore } from '../../../domain/outage.ts';
import { isAway } from '../../../planning/node-fate.ts';
import { nodeMissingMail } from '../../../reports/outage-mail.ts';
import { orFailed, within, wordsOf } from './activities.ts';
import { nodesBefore, type Restore } from './restore.ts';
import { tell } from './tell.ts';

/** A node that was told to shut down gets so much longer than it should need, before it counts as hung. */
const STILL_GOING_DOWN: Duration = '10 minutes';

/**
 * Turns on the nodes that ran before, and sees them join. Those that stay to the end come first; where no node is quorate
 * alone, all are woken at once. Returns what did not come back, with what to do.
 */
export async function wakeNodes(restore: Restore): Promise<string[]> {
  const { settings, rehearsal, journal } = restore;
  const exceptions: string[] = [];
  for (const group of groupsOf(restore)) {
    const missing = await Promise.all(group.map((node) => wake(restore, node)));
    exceptions.push(...missing.filter((each) => each !== null));
  }
  if (rehearsal) return exceptions;
  const back = nodesBefore(restore).filter(({ name }) => journal.fates[name] === 'back');
  const unwell = await Promise.all(back.map((node) => awaitMember(restore, node)));
  exceptions.push(...unwell.filter((each) => each !== null));
  if (exceptions.length === 0) journal.note(`all nodes are back: ${settings.nodes.join(', ')}`);
  return exceptions;
}

function groupsOf(restore: Restore): NodeBefore[][] {
  const { site, settings } = restore;
  const nodes = nodesBefore(restore);
  const early = nodes.filter(({ name }) => !settings.shedNodes.includes(name));
  const late = nodes.filter(({ name }) => settings.shedNodes.includes(name));
  const device = site?.quorum.qdevice?.connected === true ? site.quorum.qdevice.votes : 0;
  const votes = early.reduce((sum, node) => sum + node.votes, device);
  const alone = site !== null && votes >= site.quorum.quorum;
  return alone ? [early, late] : [nodes];
}

async function wake(restore: Restore, { name: node, health }: NodeBefore): Promise<string | null> {
  const { journal, settings, power, rehearsal } = restore;
  const { nodeUp, attempts } = settings.restore;
  const before = journal.fates[node] ?? 'on';
  if (!rehearsal && (before === 'going-down' || before === 'unverified')) {
    await letItGoDown(restore, node, health?.bootId ?? null);
  }
  if (isAway(before)) journal.fate(node, 'waking');
  let words = '';
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    // Waking into the next outage helps nobody.
    await condition(() => rehearsal || power.verdict.mains === 'on');
    const act = await orFailed(
      within(nodeUp).wakeNode.executeWithOptions({ summary: `${node}: wake it (${attempt}/${attempts})` }, [
        { node, within: nodeUp, rehearsal },
      ]),
    );
    words = act.words;
    journal.note(`${node}: ${words}`);
    if (act.outcome === 'done') {
      journal.fate(node, 'back');
      return null;
    }
  }
  journal.fate(node, 'missing');
  await tell(restore, `missing/${node}`, (head) => nodeMissingMail({ ...head, node, words }));
  return `${node} does not come back: ${words}. Turn it on by hand; it is looked at again.`;
}

/** Turning on a node that still runs does nothing, so it has to be off first. */
async function letItGoDown({ journal, settings }: Restore, node: string, bootId: string | null): Promise<void> {
  const proof = await within(STILL_GOING_DOWN)
    .awaitNodeOff.executeWithOptions({ summary: `${node}: wait until it is off` }, [
      { node, within: STILL_GOING_DOWN, bootId },
    ])
    .catch((error: unknown) => ({ off: 'unverified' as const, words: wordsOf(error) }));
  journal.note(`${node}: ${proof.off === 'verified' ? 'off' : 'not verified off'} (${proof.words})`);
  if (proof.off === 'verified' || !settings.restore.allowHardReset) return;
  const act = await orFailed(
    within('1 minute').cycleNode.executeWithOptions({ summary: `${node}: power cycle` }, [{ node }]),
  );
  journal.note(`${node}: ${act.words}`);
}

async function awaitMember(restore: Restore, { name: node, health }: NodeBefore): Promise<string | null> {
  const { journal, settings } = restore;
  const { rejoin } = settings.timeouts;
  try {
    await within(rejoin).awaitRejoin.executeWithOptions({ summary: `${node}: wait until it is a full member` }, [
      {
        node,
        expected: {
          // It may never have been down; that it answers and is a member is what counts.
          bootIdBefore: null,
          kernel: null,
          services: health?.activeServices ?? [],
          storages: health?.activeStorages ?? [],
        },
        within: rejoin,
      },
    ]);
    journal.note(`${node}: a full member of the cluster`);
    return null;
  } catch (error) {
    return `${node} is up but no full member: ${wordsOf(error)}`;
  }
}
