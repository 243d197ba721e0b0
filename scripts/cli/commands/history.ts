import type { RollReport } from '../../../domain/report.ts';
import type { Session } from '../context.ts';
import { endOf, listPastRuns, type PastRun } from '../past-runs.ts';
import { renderHistory, type HistoryEntry, type Totals } from '../render/history.ts';
import { CliError, commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

export interface HistoryFlags {
  /** Every run's report is asked for, so not very many. */
  readonly limit: string;
  readonly json?: boolean;
}

/** Lists the rolling updates that Temporal remembers, the newest first. */
export async function history(session: Session, flags: HistoryFlags): Promise<ExitCode> {
  const runs = await listPastRuns(session, readLimit(flags.limit));
  const entries = await Promise.all(runs.map((run) => withTotals(session, run)));
  const { stdout, env } = session.terminal;
  if (flags.json) {
    printJson(stdout, entries);
    return 0;
  }
  if (entries.length === 0) {
    printLine(stdout, `Temporal remembers no rolling update of ${session.config.cluster.name}.`);
    return 0;
  }
  printLine(stdout, renderHistory(entries, layoutFor(stdout, env)));
  printLine(stdout, `\nAll of one: ${commandName(env)} report RUN`);
  return 0;
}

async function withTotals(session: Session, run: PastRun): Promise<HistoryEntry> {
  if (run.endedAt === null) return { ...run, totals: null };
  const { report } = await endOf(session, run);
  return report === null ? { ...run, totals: null } : { ...run, outcome: report.outcome, totals: totalsOf(report) };
}

function totalsOf({ nodes }: RollReport): Totals {
  return {
    nodes: nodes.length,
    nodesUpdated: nodes.filter(({ outcome }) => outcome === 'updated').length,
    packages: nodes.reduce((sum, { packages, leftOut }) => sum + packages.length + (leftOut?.packages ?? 0), 0),
    reboots: nodes.filter(({ reboot }) => reboot !== null).length,
  };
}

export function readLimit(text: string): number {
  if (/^[1-9]\d?$|^100$/.test(text)) return Number(text);
  throw new CliError(`--limit must be a whole number from 1 to 100, not ${text}. Write, for example, --limit 20.`);
}
