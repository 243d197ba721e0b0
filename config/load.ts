import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { LineCounter, isMap, isPair, isScalar, isSeq, parseDocument, visit, type Document } from 'yaml';
import { ConfigError, type LocatedProblem } from './errors.ts';
import type { SecretRef } from './formats.ts';
import type { PowerConfig } from './power-schema.ts';
import type { Path } from './problems.ts';
import type { Config } from './schema.ts';
import { validateConfig } from './validate.ts';

export interface ConfigSource {
  /** Path of the file; absent: `CARETAKER_CONFIG`, else `caretaker.yaml` in the working directory. */
  readonly path?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads, checks and completes `caretaker.yaml`. Paths in the result are absolute; secrets stay references.
 *
 * @throws {ConfigError} that tells all problems, each with line, field and remedy.
 */
export async function loadConfig({ path, env }: ConfigSource): Promise<Config> {
  const file = path ?? (env['CARETAKER_CONFIG'] || 'caretaker.yaml');
  const text = await readConfigFile(file);
  return parseConfig(text, file);
}

/** Like {@link loadConfig} for a text; `file` is its path for errors and relative paths. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0)
    throw unusable(
      file,
      document.errors.map((error) => yamlProblem(error, file, lines)),
    );
  const checked = validateConfig(readValue(document));
  if ('config' in checked) return withAbsolutePaths(checked.config, dirname(resolve(file)));
  const located = checked.problems.map((problem) => ({ problem, offset: offsetOf(document, problem.path) }));
  throw unusable(
    file,
    located
      .sort((a, b) => a.offset - b.offset)
      .map(({ problem: { path: _, ...problem }, offset }) => ({ ...problem, location: locate(file, lines, offset) })),
  );
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT') throw new ConfigError(`${file} cannot be read (${code}). Make it readable for this user.`);
    throw new ConfigError(
      `There is no configuration at ${resolve(file)}. Copy config/caretaker.example.yaml there and adapt it, or name another file with --config or CARETAKER_CONFIG.`,
    );
  }
}

/** The document as plain data. A key without a value counts as absent, so an emptied section means its defaults. */
function readValue(document: Document): unknown {
  const copy = document.clone();
  visit(copy, {
    Pair(_, pair) {
      return isScalar(pair.value) && pair.value.value === null ? visit.REMOVE : undefined;
    },
  });
  return copy.toJS() ?? {};
}

function yamlProblem(
  error: { pos: [number, number]; message: string },
  file: string,
  lines: LineCounter,
): LocatedProblem {
  return {
    field: 'YAML',
    message: `cannot be read here: ${error.message}`,
    remedy: 'Correct the indentation, quotes or brackets at this place.',
    location: locate(file, lines, error.pos[0]),
  };
}

function unusable(file: string, problems: readonly LocatedProblem[]): ConfigError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  const list = problems.map(
    ({ location, field, message, remedy }) => `  ${location}\n    ${field} ${message}.\n    ${remedy}`,
  );
  return new ConfigError(`${file} cannot be used: ${count}.\n\n${list.join('\n\n')}`, problems);
}

function locate(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
}

/** Where `path` stands in the text; for something that is missing, the nearest key above it. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(key)];
      if (item === undefined) break;
      offset = startOf(item) ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null }).range?.[0];
}

function withAbsolutePaths(config: Config, folder: string): Config {
  const { api, ssh } = config.cluster;
  const { mail, hostDefaults, power } = config;
  return {
    ...config,
    cluster: {
      ...config.cluster,
      api: {
        ...api,
        token: absoluteSecret(api.token, folder),
        ...(api.caFile !== undefined && { caFile: absolute(api.caFile, folder) }),
      },
      ssh: {
        ...ssh,
        privateKey: absoluteSecret(ssh.privateKey, folder),
        ...(ssh.knownHosts !== undefined && { knownHosts: absolute(ssh.knownHosts, folder) }),
      },
    },
    hostDefaults: {
      ...hostDefaults,
      ssh: {
        ...hostDefaults.ssh,
        ...(hostDefaults.ssh.privateKey !== undefined && {
          privateKey: absoluteSecret(hostDefaults.ssh.privateKey, folder),
        }),
        ...(hostDefaults.ssh.knownHosts !== undefined && { knownHosts: absolute(hostDefaults.ssh.knownHosts, folder) }),
      },
    },
    hosts: config.hosts.map((host) => ({
      ...host,
      ssh: {
        ...host.ssh,
        ...(host.ssh.privateKey !== undefined && { privateKey: absoluteSecret(host.ssh.privateKey, folder) }),
      },
    })),
    credentials: config.credentials.map((each) => ({
      ...each,
      ...(each.token !== undefined && { token: absoluteSecret(each.token, folder) }),
      ...(each.password !== undefined && { password: absoluteSecret(each.password, folder) }),
    })),
    ...(power !== undefined && { power: withAbsolutePower(power, folder) }),
    ...(mail !== undefined && {
      mail: {
        ...mail,
        ...(mail.caFile !== undefined && { caFile: absolute(mail.caFile, folder) }),
        ...(mail.password !== undefined && { password: absoluteSecret(mail.password, folder) }),
      },
    }),
  };
}

function withAbsolutePower(power: PowerConfig, folder: string): PowerConfig {
  const { ups, nodes, clients } = power;
  return {
    ...power,
    ...(clients !== undefined && { clients: { ...clients, password: absoluteSecret(clients.password, folder) } }),
    ups: { ...ups, ...(ups.caFile !== undefined && { caFile: absolute(ups.caFile, folder) }) },
    nodes: nodes.map((node) => ({
      ...node,
      ...(node.bmc !== undefined && { bmc: { ...node.bmc, password: absoluteSecret(node.bmc.password, folder) } }),
    })),
  };
}

function absoluteSecret(ref: SecretRef, folder: string): SecretRef {
  return 'file' in ref ? { file: absolute(ref.file, folder) } : ref;
}

function absolute(path: string, folder: string): string {
  const home = path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : path;
  return resolve(folder, home);
}
