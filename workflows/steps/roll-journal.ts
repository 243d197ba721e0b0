import { ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import type { Question } from '../../domain/decision.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { NodePlan, RollPlan } from '../../domain/plan.ts';
import type { NodeProgress, NodeReport, RollOutcome, RollProgress, RollReport, Wait } from '../../domain/report.ts';
import { remarksIn } from '../../planning/findings.ts';
import { describeQuestion } from '../../planning/decide.ts';
import { bounded } from '../../reports/bounded.ts';
import { now } from './clock.ts';
import { rollDetails } from './details.ts';
import type { Operator } from './operator.ts';

/** What is known about a rolling update so far, kept for the queries, the UI and the report. */
export interface RollJournal {
  /** The run knows which cluster it is about; from now on it shows what it does. */
  opened(cluster: string): void;
  plan(): RollPlan | null;
  /** The last plan of one node. */
  planOf(node: string): NodePlan;
  planned(plan: RollPlan): void;
  /** A newer plan of the nodes that are still to come. */
  plannedAgain(plan: RollPlan): void;
  /** The node's turn has come: from now on it cannot be skipped. */
  started(node: string): void;
  /** Its turn is over before it was touched, and will come again. */
  postponed(node: string): void;
  warn: (warning: string) => void;
  waited(wait: Wait): void;
  node(progress: NodeProgress): void;
  finished(report: NodeReport): void;
  finishedNodes(): readonly NodeReport[];
  progress(): RollProgress;
  /** What the node whose turn it is asks of a person. */
  question(): Question | null;
  show(): void;
  /** Writes the report. */
  end(outcome: RollOutcome, reason: string): RollReport;
  /** The report, or null before the end. */
  ended(): RollReport | null;
}

export function createRollJournal(operator: () => Operator): RollJournal {
  const startedAt = now();
  const nodes = new Map<string, NodeProgress>();
  const reports: NodeReport[] = [];
  const warnings: string[] = [];
  const waits: Wait[] = [];
  let cluster: string | null = null;
  let plan: RollPlan | null = null;
  let ended: RollReport | null = null;

  const progress = (): RollProgress => ({
    cluster: cluster ?? '',
    startedAt,
    paused: operator().paused,
    waitingFor: operator().waitingFor ?? inWords(operator().question),
    waitingUntil: operator().waitingUntil,
    asking: operator().asking,
    question: operator().question,
    nodes: [...nodes.values()],
    expectedMilliseconds: (plan?.nodes ?? []).reduce((total, node) => total + node.expectedMilliseconds, 0),
  });
  const show = () => {
    // Requests that came before the run's first step are heard while the operator is still being made.
    if (cluster !== null) setCurrentDetails(rollDetails(progress(), plan?.nodes ?? []));
  };

  return {
    opened(name) {
      cluster = name;
      show();
    },
    plan: () => plan,
    planOf(node) {
      const found = plan?.nodes.find((each) => each.node === node);
      if (found) return found;
      throw ApplicationFailure.nonRetryable(`nodes: ${node} is not part of the plan`, ErrorType.InvalidInput);
    },
    planned(made) {
      plan = made;
      for (const { node } of made.nodes)
        nodes.set(node, { node, phase: 'waiting', phases: [], guests: [], question: null, undo: [] });
      show();
    },
    plannedAgain(made) {
      if (plan === null) return;
      plan = {
        ...plan,
        findings: made.findings,
        nodes: plan.nodes.map((old) => made.nodes.find(({ node }) => node === old.node) ?? old),
      };
      show();
    },
    started(node) {
      nodes.set(node, { node, phase: 'checking', phases: [], guests: [], question: null, undo: [] });
      show();
    },
    postponed(node) {
      nodes.set(node, { node, phase: 'waiting', phases: [], guests: [], question: null, undo: [] });
      show();
    },
    warn: (warning) => void warnings.push(warning),
    waited: (wait) => void waits.push(wait),
    node(news) {
      // News may arrive after the result of the run that sent it.
      if (reports.some((report) => report.node === news.node)) return;
      nodes.set(news.node, news);
      show();
    },
    finished(report) {
      reports.push(report);
      const phase = report.outcome === 'updated' ? 'done' : report.outcome === 'skipped' ? 'skipped' : 'failed';
      nodes.set(report.node, {
        node: report.node,
        phase,
        phases: report.phases,
        guests: report.guests,
        question: null,
        undo: report.openUndo,
      });
      show();
    },
    finishedNodes: () => reports,
    progress,
    question: () => [...nodes.values()].find((node) => node.question !== null)?.question ?? null,
    show,
    ended: () => ended,
    end(outcome, reason) {
      ended = bounded({
        cluster: cluster ?? '',
        outcome,
        reason,
        startedAt,
        endedAt: now(),
        plan,
        nodes: [...reports, ...withoutReport(plan, { reports, nodes, outcome, reason })],
        // A node that has reported carries its warnings itself.
        warnings: [
          ...warnings,
          ...remarksIn(plan?.findings ?? []),
          ...(plan?.nodes ?? [])
            .filter(({ node }) => !reports.some((own) => own.node === node))
            .flatMap((node) => remarksIn(node.findings)),
        ],
        waits,
      });
      return ended;
    },
  };
}

function inWords(question: Question | null): string | null {
  return question === null ? null : describeQuestion(question);
}

interface Known {
  readonly reports: readonly NodeReport[];
  readonly nodes: ReadonlyMap<string, NodeProgress>;
  readonly outcome: RollOutcome;
  readonly reason: string;
}

/** Nodes that were not reached, and one whose run ended without a word: its last news must do. */
function withoutReport(plan: RollPlan | null, { reports, nodes, outcome, reason }: Known): NodeReport[] {
  if (outcome === 'planned' || outcome === 'refused') return [];
  const reported = new Set(reports.map((report) => report.node));
  return (plan?.nodes ?? [])
    .filter(({ node }) => !reported.has(node))
    .map(({ node }): NodeReport => {
      const last = nodes.get(node);
      const upToDate = outcome === 'nothing-to-do';
      const reached = last !== undefined && last.phase !== 'waiting';
      return {
        node,
        outcome: upToDate ? 'skipped' : !reached ? 'not-reached' : outcome === 'aborted' ? 'aborted' : 'failed',
        reason: reached || upToDate ? reason : 'the run ended before it',
        phases: last?.phases ?? [],
        packages: [],
        reboot: null,
        guests: (last?.guests ?? []).map((guest) => ({ ...guest, leftAt: null, backAt: null, downtime: null })),
        warnings: [],
        openUndo: last?.undo ?? [],
        decisions: [],
      };
    });
}
