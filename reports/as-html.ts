import { tame, type Block, type Item, type ReportDocument, type Section, type Text, type Tone } from './document.ts';

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const COLORS: Readonly<Record<Tone, string>> = {
  plain: '#1f2328',
  good: '#1a7f37',
  bad: '#b3261e',
  caution: '#8a5300',
  faint: '#636c76',
};
const CELL = 'padding:4px 8px 4px 0;vertical-align:top;border-bottom:1px solid #e4e7eb;overflow-wrap:break-word';

/**
 * The report for a mail program: one document with all styles at their elements and nothing to fetch, since such programs
 * drop style sheets and warn of pictures. Everything that came from elsewhere is escaped.
 */
export function asHtml({ title, outcome, summary, facts, sections }: ReportDocument): string {
  const rows = facts.map(
    ([label, value]) =>
      `<tr><td style="padding:2px 16px 2px 0;color:${COLORS.faint};vertical-align:top">${escape(label)}</td><td style="padding:2px 0;overflow-wrap:anywhere">${escape(value)}</td></tr>`,
  );
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
    `<meta name="color-scheme" content="light"><title>${escape(title)}</title></head>`,
    `<body style="margin:0;padding:0;background:#f3f4f6;color:${COLORS.plain};${FONT};font-size:14px;line-height:1.45">`,
    '<div style="max-width:680px;margin:0 auto;padding:12px">',
    `<div style="background:#ffffff;border-top:4px solid ${COLORS[outcome.tone]};border-radius:4px;padding:16px 18px">`,
    `<h1 style="margin:0;font-size:19px;line-height:1.3">${escape(title)}</h1>`,
    `<p style="margin:2px 0 10px;font-size:16px;font-weight:600;color:${COLORS[outcome.tone]}">${escape(outcome.text)}</p>`,
    ...summary.map((text) => `<p style="margin:0 0 8px">${escape(text)}</p>`),
    ...(rows.length > 0 ? [`<table style="border-collapse:collapse;margin:8px 0">${rows.join('')}</table>`] : []),
    ...sections.map(sectionHtml),
    '</div></div></body></html>',
  ].join('\n');
}

function sectionHtml({ title, blocks }: Section): string {
  const heading =
    title.text === ''
      ? ''
      : `<h2 style="margin:22px 0 6px;font-size:16px;line-height:1.3;color:${COLORS[title.tone]}">${escape(title.text)}</h2>\n`;
  return heading + blocks.map(blockHtml).join('\n');
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p style="margin:8px 0;overflow-wrap:anywhere">${escape(block.text)}</p>`;
    case 'items':
      return block.items.map(itemHtml).join('\n') + restHtml(block.rest);
    case 'table': {
      const align = (index: number) => `text-align:${block.columns[index]?.align ?? 'left'}`;
      const head = block.columns.map(
        ({ title }, index) =>
          `<th style="${CELL};${align(index)};font-weight:400;color:${COLORS.faint}">${escape(title)}</th>`,
      );
      const rows = block.rows.map(
        (row) => `<tr>${row.map((cell, index) => cellHtml(cell, align(index))).join('')}</tr>`,
      );
      return `<table style="border-collapse:collapse;width:100%;margin:8px 0;font-size:13px"><tr>${head.join('')}</tr>\n${rows.join('\n')}</table>${restHtml(block.rest)}`;
    }
  }
}

function restHtml(rest: string | undefined): string {
  return rest === undefined ? '' : `<p style="margin:4px 0;color:${COLORS.faint}">${escape(rest)}</p>`;
}

function cellHtml({ text, tone }: Text, align: string): string {
  return `<td style="${CELL};${align};color:${COLORS[tone]}">${escape(text)}</td>`;
}

function itemHtml({ text, tone, details = [] }: Item): string {
  const lines = details.map(
    ([label, detail]) =>
      `<div style="margin-top:2px"><span style="color:${COLORS.faint}">${escape(label)}:</span> ${escape(detail)}</div>`,
  );
  return `<div style="margin:8px 0;padding:2px 0 2px 10px;border-left:3px solid ${COLORS[tone]};overflow-wrap:anywhere">${escape(text)}${lines.join('')}</div>`;
}

function escape(text: string): string {
  return tame(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
