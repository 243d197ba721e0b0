import type { SshExec } from '../../clients/ssh/index.ts';
import type { FoundFile, FoundNutClient, NutMonitor } from '../../domain/nut-client.ts';
import { upsAddress } from '../../planning/nut-client-files.ts';
import { NoClearAnswer } from '../guard.ts';
import { isComplete, splitParts, type Part } from '../shell-parts.ts';
import { readScript } from './scripts.ts';

const TIMEOUT_MS = 45_000;

/** How the NUT client of a node is. Changes nothing. */
export async function readNutClient(
  ssh: SshExec,
  node: string,
  monitor: NutMonitor,
  signal?: AbortSignal,
): Promise<FoundNutClient> {
  const { stdout } = await ssh.exec(readScript(upsAddress(monitor)), {
    timeoutMs: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  if (!isComplete(stdout)) throw new NoClearAnswer(`${node} was not done telling how its NUT client is. Ask again.`);
  return parseNutClient(stdout);
}

export function parseNutClient(output: string): FoundNutClient {
  const parts = splitParts(output.split('\n'));
  const text = (name: string): string => parts.get(name)?.text.trim() ?? '';
  const succeeded = (name: string): boolean => parts.get(name)?.code === 0;
  const [status, version = null] = words(text('package'));
  const lines = text('files').split('\n');
  return {
    version: status === 'installed' ? version : null,
    mode: succeeded('mode') ? (text('mode').split('\n').at(-1)?.replaceAll(/["']/g, '') ?? null) : null,
    files: Object.fromEntries(lines.flatMap(parseFile)),
    kept: lines.flatMap((line) => /^kept (\/.+)$/.exec(line)?.[1] ?? []),
    active: succeeded('active'),
    enabled: succeeded('enabled'),
    pending: succeeded('pending'),
    logThere: succeeded('log'),
    addresses: words(text('addresses')),
    ups: parseUps(parts.get('ups')),
    trouble: text('trouble'),
  };
}

function parseFile(line: string): [string, FoundFile][] {
  const [, sha256, mode, owner, ours, path] = /^([0-9a-f]{64}) (\d+) (\S+) (yes|no) (\/.+)$/.exec(line) ?? [];
  if (sha256 === undefined || mode === undefined || owner === undefined || path === undefined) return [];
  return [[path, { sha256, mode, owner, ours: ours === 'yes' }]];
}

/** upsc says on stderr that it has no certificates, which is no trouble. */
function parseUps(part: Part | undefined): FoundNutClient['ups'] {
  const lines = (part?.text ?? '').split('\n').filter((line) => line.trim() !== '' && !/^Init SSL/.test(line));
  const last = lines.at(-1)?.trim() ?? '';
  if (part?.code === 0 && last !== '') return { status: last };
  if (part?.code === 124) return { unknown: 'it got no answer in 10 seconds' };
  if (part?.code === 127) return { unknown: 'it is not installed' };
  return { unknown: last === '' ? 'it printed nothing' : last };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
