import { asText } from '../../../reports/as-text.ts';
import type { ReportDocument, Tone } from '../../../reports/document.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions } from './style.ts';

/** A report for the terminal. */
export function renderDocument(document: ReportDocument, { width = DEFAULT_WIDTH, color }: RenderOptions = {}): string {
  const style = createStyle(color);
  const paint = (text: string, tone: Tone | 'strong'): string => (tone === 'plain' ? text : style[tone](text));
  return asText(document, { width, paint });
}
