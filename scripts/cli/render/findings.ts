import { FINDING_CODES, type Finding } from '../../../domain/finding.ts';
import { wrap, type Style } from './style.ts';

const LABEL_WIDTH = 10;

/** Findings by node, those of the whole cluster first, and in each group blockers, overridden blockers, warnings. */
export function renderFindings(findings: readonly Finding[], layout: { width: number; style: Style }): string {
  const nodes = [...new Set(findings.map(({ node }) => node))];
  return nodes
    .sort((a, b) => (a ?? '').localeCompare(b ?? '', 'en', { numeric: true }))
    .map((node) => {
      const own = findings.filter((finding) => finding.node === node);
      const lines = own.sort((a, b) => rank(a) - rank(b)).map((finding) => renderFinding(finding, layout));
      return [layout.style.strong(node ?? 'The cluster'), ...lines].join('\n');
    })
    .join('\n\n');
}

function rank({ severity, overridden }: Finding): number {
  if (severity === 'warning') return 2;
  return overridden ? 1 : 0;
}

function renderFinding(finding: Finding, { width, style }: { width: number; style: Style }): string {
  const { code, message, evidence, remedy, severity, overridden } = finding;
  const blocks = severity === 'blocker' && !overridden;
  const sign = blocks ? style.bad(`✘ ${code}`) : style.caution(overridden ? `~ ${code} (overridden)` : `! ${code}`);
  return [
    `  ${wrap(`${sign}  ${message}`, width - 2, '    ')}`,
    ...(evidence === undefined ? [] : evidence.split('\n').map((line, index) => row(index === 0 ? 'Seen' : '', line))),
    row(blocks ? 'To go on' : 'To mend', remedy),
    ...(blocks && FINDING_CODES[code] === 'allowed' ? [row('Or', `--override ${code}`)] : []),
  ].join('\n');

  function row(label: string, text: string): string {
    const indent = ' '.repeat(4 + LABEL_WIDTH);
    return `    ${style.faint(label.padEnd(LABEL_WIDTH))}${wrap(text, width - indent.length, indent)}`;
  }
}
