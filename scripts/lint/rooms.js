import { dirname, relative, resolve, sep } from 'node:path';

/** What each room may import from the others; `types` allows `import type` alone. See CONTRIBUTING.md. */
const ROOMS = {
  domain: {},
  planning: { values: ['domain'] },
  reports: { values: ['domain', 'planning'] },
  workflows: { values: ['domain', 'planning', 'reports'], types: ['activities'] },
  activities: { values: ['domain', 'planning', 'clients'], types: ['config'] },
  clients: {},
  config: { values: ['domain'] },
  schedules: { values: ['domain', 'planning', 'config'], types: ['workflows'] },
  workers: { values: ['domain', 'planning', 'activities', 'clients', 'config'], types: ['workflows'] },
  scripts: {
    values: [
      'domain',
      'planning',
      'activities',
      'clients',
      'config',
      'schedules',
      'workers',
      'lab',
      'workflows',
      'reports',
    ],
  },
  lab: {},
};

/** Rooms whose code must be a function of its input, with the packages they may use all the same. */
const PURE_ROOMS = {
  domain: [],
  planning: [],
  reports: [],
  workflows: ['@temporalio/workflow', '@temporalio/common'],
};

/** @type {import('eslint').Rule.RuleModule} */
export const roomDirection = {
  meta: {
    type: 'problem',
    docs: { description: 'Rooms import in one direction only.' },
    schema: [],
    messages: {
      room: '{{from}}/ must not import from {{to}}/. {{allowed}}',
      value: '{{from}}/ may only `import type` from {{to}}/.',
      package: '{{from}}/ must stay free of "{{name}}": {{allowed}}',
      outside: '{{from}}/ must not import files outside the project: "{{name}}".',
    },
  },
  create(context) {
    const from = roomOf(context.cwd, context.filename);
    const room = ROOMS[from];
    if (room === undefined) return {};

    function checkPackage(node, name) {
      const packages = PURE_ROOMS[from];
      if (packages === undefined) {
        if (from === 'lab' && name.startsWith('@temporalio/')) report(node, 'package', { name, allowed: LAB });
        return;
      }
      if (packages.includes(name)) return;
      const allowed = packages.length === 0 ? 'it imports no package at all.' : `only ${packages.join(', ')}.`;
      report(node, 'package', { name, allowed });
    }

    function checkFile(node, path, typeOnly) {
      const to = roomOf(context.cwd, resolve(dirname(context.filename), path));
      if (to === from) return;
      if (ROOMS[to] === undefined && room !== ROOMS.scripts) {
        report(node, 'outside', { name: path });
        return;
      }
      if (room.values?.includes(to)) return;
      if (room.types?.includes(to)) {
        if (!typeOnly) report(node, 'value', { to });
        return;
      }
      const rooms = [...(room.values ?? []), ...(room.types ?? []).map((name) => `types of ${name}`)];
      const allowed = rooms.length === 0 ? 'It imports nothing of ours.' : `It may import ${rooms.join(', ')}.`;
      report(node, 'room', { to, allowed });
    }

    function report(node, messageId, data) {
      context.report({ node, messageId, data: { from, ...data } });
    }

    function check(source, typeOnly) {
      if (typeof source?.value !== 'string') return;
      if (source.value.startsWith('.')) checkFile(source, source.value, typeOnly);
      else checkPackage(source, source.value);
    }

    return {
      ImportDeclaration: (node) => check(node.source, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      ImportExpression: (node) => check(node.source, false),
      TSImportType: (node) => check(node.source ?? node.argument?.literal, true),
    };
  },
};

const LAB = 'the lab speaks protocols and knows nothing of Temporal.';

/** `import { type A }` keeps the import of the module at run time, so a room's types need `import type`. */
function roomOf(root, file) {
  return relative(root, file).split(sep)[0] ?? '';
}
