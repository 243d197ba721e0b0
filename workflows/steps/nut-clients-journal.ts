import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  NutClientLine,
  NutClientSettings,
  NutClientsProgress,
  NutClientsReport,
} from '../../domain/nut-client.ts';
import { serverAdvice, upsAddress } from '../../planning/nut-client-files.ts';
import { nutClientsProgressQuery, nutClientsReportQuery } from '../messages.ts';
import { now } from './clock.ts';
import { nutClientsDetails } from './details.ts';
import type { Operator } from './operator.ts';
import type { NodeEnd } from './protect-node.ts';

/** What is known about the NUT clients so far, kept for the queries, the UI and the report. */
export interface NutClientsJournal {
  opened(settings: NutClientSettings): void;
  begun(node: string): void;
  over(node: string, end: NodeEnd): void;
  show(): void;
  /** The report of a run in which every node had its turn. */
  conclude(): NutClientsReport;
  end(outcome: NutClientsReport['outcome'], reason: string): NutClientsReport;
  /** The report, or null before the end. */
  ended(): NutClientsReport | null;
}

/** @param operator Asked late, for it tells the journal when something is new. */
export function createNutClientsJournal(
  task: NutClientsReport['task'],
  operator: () => Pick<Operator, 'waitingFor'>,
): NutClientsJournal {
  const startedAt = now();
  const lines: NutClientLine[] = [];
  let settings: NutClientSettings | null = null;
  let inHand: string | null = null;
  let ended: NutClientsReport | null = null;

  const progress = (): NutClientsProgress => ({
    task,
    startedAt,
    waitingFor: operator().waitingFor,
    inHand,
    over: lines,
  });
  const show = () => {
    // Requests that came before the run's first step are heard while the operator is still being made.
    if (settings !== null) setCurrentDetails(nutClientsDetails(progress()));
  };
  setHandler(nutClientsProgressQuery, progress, {
    description: 'The node in hand, and how those that are over ended.',
  });
  setHandler(nutClientsReportQuery, () => ended, { description: 'How it ended; null before.' });

  const end = (outcome: NutClientsReport['outcome'], reason: string): NutClientsReport => {
    const left = (settings?.nodes ?? []).filter((node) => lines.every((line) => line.node !== node));
    ended = {
      cluster: settings?.cluster ?? '',
      task,
      ups: settings === null ? '' : upsAddress(settings.monitor),
      outcome,
      reason,
      clients: [
        ...lines,
        ...left.map((node) => ({ node, outcome: 'not-started' as const, reason: 'its turn did not come' })),
      ],
      advice: settings === null || task === 'remove' ? [] : serverAdvice(settings.shutdownBudget),
      startedAt,
      endedAt: now(),
    };
    show();
    return ended;
  };

  return {
    opened(found) {
      settings = found;
      show();
    },
    begun(node) {
      inHand = node;
      show();
    },
    over(node, line) {
      lines.push({ node, ...line });
      inHand = null;
      show();
    },
    show,
    conclude() {
      const bad = lines.filter(({ outcome }) => outcome === 'failed').map(({ node }) => node);
      const changed = lines.filter(({ outcome }) => outcome === 'changed').map(({ node }) => node);
      if (bad.length > 0) return end('failed', `${bad.join(', ')} failed`);
      const what = task === 'provision' ? 'made or changed on' : 'removed from';
      return end('done', changed.length === 0 ? 'nothing to do' : `${what} ${changed.join(', ')}`);
    },
    end,
    ended: () => ended,
  };
}
