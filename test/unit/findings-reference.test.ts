import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FINDING_CODES, type OverrideRule } from '../../domain/finding.ts';

/** How the page opens its paragraph on a code. */
const OPENINGS: Readonly<Record<OverrideRule, readonly string[]>> = {
  never: ['Blocks. Override: never.'],
  allowed: ['Blocks. Override: allowed.', 'Blocks or warns. Override: allowed.'],
  moot: ['Warns. Nothing to override.'],
};

describe('the reference of the findings', async () => {
  const page = await readFile(new URL('../../docs/reference/findings.md', import.meta.url), 'utf8');
  const sections = page
    .split(/^#+ /m)
    .map((section) => section.split('\n').filter((line) => line !== ''))
    .filter(([title]) => title?.startsWith('`'));

  it('has a section of its own for every code, and for nothing else', () => {
    const titles = sections.map(([title]) => title?.replaceAll('`', ''));
    expect(titles.sort()).toEqual(Object.keys(FINDING_CODES).sort());
  });

  it.each(Object.entries(FINDING_CODES))('says of %s that overriding it is %s, and what it means', (code, rule) => {
    const section = sections.find(([title]) => title === `\`${code}\``) ?? [];
    expect(OPENINGS[rule]).toContain(section[1]);
    expect(section.slice(2).join(' ')).toMatch(/^.{40,}\.$/);
  });
});
