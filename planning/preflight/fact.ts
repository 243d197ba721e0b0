import type { Fact } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';

/** What a check makes of a fact, or that it could not be read; `guards` names the safety rule that then has to hold. */
export function judge<T>(
  fact: Fact<T>,
  subject: { readonly node: string | null; readonly what: string; readonly guards?: string },
  check: (value: T) => Finding[],
): Finding[] {
  if ('value' in fact) return check(fact.value);
  const { node, what, guards } = subject;
  const found = { node, evidence: fact.unknown };
  const where = node === null ? '' : ` of ${node}`;
  if (guards === undefined) {
    return [
      warning({
        ...found,
        code: 'not-checked',
        message: `${what}${where} could not be checked`,
        remedy: 'look at it yourself, or mend what kept it from being read',
      }),
    ];
  }
  return [
    blocker({
      ...found,
      code: 'state-unknown',
      message: `${what}${where} could not be read, and without it nobody can tell that ${guards}`,
      remedy: 'mend what kept it from being read, then start again',
    }),
  ];
}
