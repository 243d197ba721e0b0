import type { RollReport } from '../../../domain/report.ts';
import { rollDocument, type DocumentOptions } from '../../../reports/roll-document.ts';
import { renderDocument } from './document.ts';
import type { RenderOptions } from './style.ts';

/** How a run ended: its nodes, what is not as before, and what to do by hand; with `full` also all that was done. */
export function renderReport(
  report: RollReport,
  { detail = 'brief', ...layout }: RenderOptions & Partial<Pick<DocumentOptions, 'detail'>> = {},
): string {
  return renderDocument(rollDocument(report, { detail }), layout);
}
