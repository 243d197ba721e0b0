/**
 * Turning a rule off needs a reason behind ` -- ` in the same comment (the syntax ESLint has for it).
 *
 * @type {import('eslint').Rule.RuleModule}
 */
export const explainedDisable = {
  meta: {
    type: 'suggestion',
    docs: { description: 'A disabled rule is explained.' },
    schema: [],
    messages: { why: 'Say why the rule is off: `eslint-disable-next-line rule -- reason`, and name the rule.' },
  },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const directive = /^\s*eslint-disable(?:-next-line|-line)?\b(.*)$/s.exec(comment.value);
          if (directive === null || /^\s+\S.*\s--\s+\S/s.test(directive[1])) continue;
          context.report({ loc: comment.loc, messageId: 'why' });
        }
      },
    };
  },
};
