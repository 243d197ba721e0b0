import { tame, type Block, type ReportDocument, type Section } from './document.ts';

/** The report in GitHub's Markdown. Everything that came from elsewhere is escaped. */
export function asMarkdown({ title, outcome, summary, facts, sections }: ReportDocument): string {
  return [
    `# ${escape(title)}: ${escape(outcome.text)}`,
    ...summary.map(escape),
    ...(facts.length > 0 ? [facts.map(([label, value]) => `- ${escape(label)}: ${escape(value)}`).join('\n')] : []),
    ...sections.map(sectionMarkdown),
  ].join('\n\n');
}

function sectionMarkdown({ title, blocks }: Section): string {
  const body = blocks.map(blockMarkdown).join('\n\n');
  return title.text === '' ? body : `## ${escape(title.text)}\n\n${body}`;
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case 'text':
      return escape(block.text);
    case 'items':
      return block.items
        .map(({ text, details = [] }) =>
          [`- ${escape(text)}`, ...details.map(([label, detail]) => `  - ${escape(label)}: ${escape(detail)}`)].join(
            '\n',
          ),
        )
        .concat(block.rest === undefined ? [] : [`- ${escape(block.rest)}`])
        .join('\n');
    case 'table': {
      const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
      const head = line(block.columns.map(({ title }) => escape(title)));
      const rule = line(block.columns.map(({ align }) => (align === 'right' ? '---:' : '---')));
      const rows = block.rows.map((row) => line(row.map(({ text }) => escape(text))));
      return [head, rule, ...rows, ...(block.rest === undefined ? [] : ['', escape(block.rest)])].join('\n');
    }
  }
}

function escape(text: string): string {
  return tame(text)
    .replaceAll(/[\\`*_{}[\]|~#]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
