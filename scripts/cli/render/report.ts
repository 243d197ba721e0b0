import type { RollReport } from '../../../domain/report.ts';
import { asText } from '../../../reports/as-text.ts';
import type { Tone } from '../../../reports/document.ts';
import { rollDocument, type DocumentOptions } from '../../../reports/roll-document.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions } from './style.ts';

/** How a run ended: its nodes, what is not as before, and what to do by hand; with `full` also all that was done. */
export function renderReport(
  report: RollReport,
  { width = DEFAULT_WIDTH, color, detail = 'brief' }: RenderOptions & Partial<Pick<DocumentOptions, 'detail'>> = {},
): string {
  const style = createStyle(color);
  const paint = (text: string, tone: Tone | 'strong'): string => (tone === 'plain' ? text : style[tone](text));
  return asText(rollDocument(report, { detail }), { width, paint });
}
