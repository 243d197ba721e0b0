import ts from 'typescript';

/** Calls that open a group of tests, and calls that are a test, by the name at their root. */
const GROUPS: readonly string[] = ['describe', 'describeOnRealHosts', 'describeWithNut'];
const TESTS: readonly string[] = ['it', 'test', 'sweep'];

/**
 * The titles of the tests in a test file, each after those of its groups: `a group > a test`. Titles are as they are
 * written: `%s` and `$name` stay where the test is one for each row of a table; what a template string inserts is `…`.
 */
export function testTitlesIn(source: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node, groups: readonly string[]): void => {
    const title = ts.isCallExpression(node) ? textOf(node.arguments[0]) : undefined;
    const root = ts.isCallExpression(node) ? rootOf(node.expression) : '';
    const isGroup = title !== undefined && GROUPS.includes(root);
    if (title !== undefined && TESTS.includes(root)) titles.push([...groups, title].join(' > '));
    const inner = isGroup ? [...groups, title] : groups;
    ts.forEachChild(node, (child) => visit(child, inner));
  };
  visit(ts.createSourceFile('a.test.ts', source, ts.ScriptTarget.Latest), []);
  return titles;
}

/** `it` of `it`, `it.concurrent.for(rows)` and ``it.each`table` ``. */
function rootOf(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) return rootOf(callee.expression);
  return ts.isTaggedTemplateExpression(callee) ? rootOf(callee.tag) : '';
}

function textOf(argument: ts.Expression | undefined): string | undefined {
  if (argument === undefined) return undefined;
  if (ts.isStringLiteralLike(argument)) return argument.text;
  if (!ts.isTemplateExpression(argument)) return undefined;
  return [argument.head.text, ...argument.templateSpans.map((span) => span.literal.text)].join('…');
}
