import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describeSchema, type SchemaPart } from '../config/problems.ts';
import { configSchema } from '../config/schema.ts';

export const REFERENCE_PAGE = fileURLToPath(new URL('../docs/reference/configuration.md', import.meta.url));

const INTRODUCTION = `# Configuration

<!-- Generated from config/schema.ts by scripts/generate-config-reference.ts. Do not edit. -->

Caretaker reads one YAML file: the one named by \`--config\`, else by the variable \`CARETAKER_CONFIG\`, else
\`caretaker.yaml\` in the working directory. [config/caretaker.example.yaml](../../config/caretaker.example.yaml) is a
complete one. Unknown keys are errors, and every error names line, field and remedy. A key without a value counts as
absent. Relative paths start at the folder of the file; \`~/\` is the home of the user who runs Caretaker.

Secrets never stand in the file. A *secret reference* names where the secret is:

\`\`\`yaml
token: { env: PVE_API_TOKEN } # an environment variable
token: { file: /run/secrets/pve-token } # or a file; a newline at its end is ignored
\`\`\`

A *duration* is a number, a space and a unit: \`'500 ms'\`, \`'20 seconds'\`, \`'15 minutes'\`, \`'2 hours'\`, \`'1 day'\`.

Everything below \`rollingUpdate\` may also be given to a single run: as options of the command line, or as the input of
the workflow, such as \`{"nodes": ["pve-node2"], "timeouts": {"reboot": "30 minutes"}}\`.
`;

/** The page about `caretaker.yaml`, from the descriptions in its schema. */
export async function renderConfigReference(): Promise<string> {
  const sections = Object.entries(describeSchema(configSchema).properties ?? {}).flatMap(([key, part]) =>
    renderSection(key, part),
  );
  const options = await resolveConfig(REFERENCE_PAGE);
  return format([INTRODUCTION, ...sections].join('\n'), { ...options, parser: 'markdown' });
}

function renderSection(path: string, part: SchemaPart, required = false): string[] {
  const entry = part.items?.properties === undefined ? part : part.items;
  const name = part.items?.properties === undefined ? path : `${path}[]`;
  const keys = Object.entries(entry.properties ?? {});
  const isGroup = ([, key]: [string, SchemaPart]): boolean => (key.items ?? key).properties !== undefined;
  const rows = keys.filter((key) => !isGroup(key)).map(([key, value]) => renderRow(key, value, entry));
  const table = rows.length === 0 ? [] : ['', '| key | value | default | meaning |', '|---|---|---|---|', ...rows];
  const groups = keys
    .filter(isGroup)
    .flatMap(([key, value]) => renderSection(`${name}.${key}`, value, entry.required?.includes(key)));
  const note = required && part.items === undefined ? ' Required.' : '';
  return [`## \`${name}\``, '', `${part.description ?? ''}${note}`, ...table, '', ...groups];
}

function renderRow(key: string, part: SchemaPart, parent: SchemaPart): string {
  const cells = [`\`${key}\``, describeValue(part), describeDefault(key, part, parent), part.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function describeValue(part: SchemaPart): string {
  if (part.enum !== undefined) return part.enum.map((value) => `\`${value}\``).join(', ');
  if (part.items !== undefined) return `list of: ${describeValue(part.items)}`;
  if (typeof part.additionalProperties === 'object') return `by vmid: ${describeValue(part.additionalProperties)}`;
  if (part.syntax !== undefined) return part.syntax;
  if (part.type === 'boolean') return '`true`, `false`';
  if (part.minimum !== undefined && part.maximum !== undefined) return `${part.minimum} to ${part.maximum}`;
  return part.type ?? '';
}

function describeDefault(key: string, part: SchemaPart, parent: SchemaPart): string {
  if (part.default !== undefined) {
    const text = typeof part.default === 'string' ? part.default : JSON.stringify(part.default);
    return `\`${text}\``;
  }
  return parent.required?.includes(key) ? '**required**' : '–';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(dirname(REFERENCE_PAGE), { recursive: true });
  await writeFile(REFERENCE_PAGE, await renderConfigReference());
}
