import type { LeaseView } from '../../../domain/lease.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions } from './style.ts';
import { renderTable } from './table.ts';

/** Who has the cluster and who waits for it; empty when there is nobody to name but the run that is shown anyway. */
export function renderLease({ holder, queue }: LeaseView, shown: string, options: RenderOptions = {}): string {
  if (holder === null || (queue.length === 0 && holder.run.workflowId === shown)) return '';
  const style = createStyle(options.color);
  const told = holder.preemptedBy === null ? '' : `, makes way for ${holder.preemptedBy.run.workflowId}`;
  const rows = [
    [holder.run.workflowId, `has it${told}`, holder.since, holder.reason],
    ...queue.map(({ run, since, reason }, index) => [run.workflowId, `waits, ${index + 1}.`, since, reason]),
  ];
  const columns = [{ title: 'The cluster' }, { title: 'State' }, { title: 'Since' }, { title: 'To', flexible: true }];
  return renderTable(columns, rows, { width: options.width ?? DEFAULT_WIDTH, style });
}
