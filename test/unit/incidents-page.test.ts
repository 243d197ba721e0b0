import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testTitlesIn } from '../helpers/test-titles.ts';

interface Incident {
  readonly slug: string;
  readonly text: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

/** `- [layer/name](../test/layer/name.test.ts): title`, continued on lines that are indented. */
const TEST = /^- \[([^\]]+)\]\(\.\.\/(test\/[^)]+)\):\s+(.+)$/;

function incidentsOf(page: string): Incident[] {
  const sections = page.split(/^### /m).slice(1);
  return sections.map((section) => {
    const [heading = '', ...rest] = section.split(/^## /m)[0]!.split('\n');
    const paragraphs = rest
      .join('\n')
      .replaceAll(/\n +/g, ' ')
      .split('\n')
      .filter((line) => line !== '');
    return {
      slug: /^`([a-z0-9-]+)`$/.exec(heading)?.[1] ?? '',
      text: paragraphs.filter((line) => !line.startsWith('- ')).join(' '),
      tests: paragraphs
        .filter((line) => line.startsWith('- '))
        .map((line) => {
          const [, label, file = '', title = ''] = TEST.exec(line) ?? [];
          return { file: `test/${label}.test.ts` === file ? file : '', title };
        }),
    };
  });
}

/** What does not hold of a page, given the titles of the tests in a file, or null where there is no such file. */
function mistakesIn(page: string, titlesOf: (file: string) => readonly string[] | null): string[] {
  const incidents = incidentsOf(page);
  const slugs = incidents.map(({ slug }) => slug);
  return incidents.flatMap(({ slug, text, tests }, index) => [
    ...(slug === '' ? [`incident ${index + 1} has no slug as its heading`] : []),
    ...(slugs.indexOf(slug) === index ? [] : [`${slug} is there twice`]),
    ...(text.length > 60 ? [] : [`${slug} says neither what happens nor what Caretaker does`]),
    ...(tests.length > 0 ? [] : [`${slug} names no test`]),
    ...tests.flatMap(({ file, title }) => {
      if (file === '') return [`${slug} has a list entry that is not a file of tests and a title`];
      const titles = titlesOf(file);
      if (titles === null) return [`${slug} names ${file}, which does not exist`];
      return titles.includes(title) ? [] : [`${slug} names a test that ${file} does not have: ${title}`];
    }),
  ]);
}

const url = (path: string) => new URL(`../../${path}`, import.meta.url);
const known = new Map<string, readonly string[] | null>();

function titlesOnDisk(file: string): readonly string[] | null {
  const titles = known.get(file) ?? (existsSync(url(file)) ? testTitlesIn(readFileSync(url(file), 'utf8')) : null);
  known.set(file, titles);
  return titles;
}

describe('the page of incidents', () => {
  const page = readFileSync(url('docs/incidents.md'), 'utf8');

  it('names for every incident what happens, what Caretaker does, and tests that exist', () => {
    expect(incidentsOf(page).length).toBeGreaterThan(40);
    expect(mistakesIn(page, titlesOnDisk)).toEqual([]);
  });
});

describe('a page of incidents', () => {
  const TEXT = 'It is about something that went wrong, and about what is done about it.';
  const titlesOf = (file: string) => (file === 'test/unit/a.test.ts' ? ['a group > a test'] : null);
  const incident = (...tests: string[]) => [`### \`slug\``, TEXT, tests.join('\n')].join('\n\n');

  it('may break the line in the title of a test', () => {
    expect(mistakesIn(incident('- [unit/a](../test/unit/a.test.ts): a group >\n  a test'), titlesOf)).toEqual([]);
  });

  it.each([
    ['an incident without a test', incident(), 'slug names no test'],
    ['a file that is not there', incident('- [unit/b](../test/unit/b.test.ts): a'), 'slug names test/unit/b.test.ts'],
    ['a test that was renamed', incident('- [unit/a](../test/unit/a.test.ts): a test'), 'slug names a test that'],
    [
      'a link to another file than it names',
      incident('- [unit/b](../test/unit/a.test.ts): a'),
      'slug has a list entry',
    ],
    ['a promise', incident('- to be written'), 'slug has a list entry'],
    ['no text', '### `slug`\n\n- [unit/a](../test/unit/a.test.ts): a group > a test', 'slug says neither'],
    ['the same slug twice', `${incident()}\n\n${incident()}`, 'slug is there twice'],
    ['a heading without a slug', incident().replaceAll('`', ''), 'incident 1 has no slug'],
  ])('is refused with %s', (_, page, mistake) => {
    expect(mistakesIn(page, titlesOf)).toContainEqual(expect.stringContaining(mistake));
  });
});

describe('the titles of tests', () => {
  it('come with their groups, as they are written, whatever the tests are made with', () => {
    const source = `
      describe('a group', () => {
        it('a test', () => {});
        describe.concurrent.each([1])('of %i', () => { it.for(rows)('a case %s', () => {}); });
        test(\`with \${MANY} words\`, () => {});
        it.each\`a|b\`('of $a', () => {});
      });
      describeOnRealHosts('a host', (world) => { it("boots", () => { expect(call('not a test')).toBe(1); }); });
      sweep('whatever the seed', seeds, run);
    `;
    expect(testTitlesIn(source)).toEqual([
      'a group > a test',
      'a group > of %i > a case %s',
      'a group > with … words',
      'a group > of $a',
      'a host > boots',
      'whatever the seed',
    ]);
  });
});
