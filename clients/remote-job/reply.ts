import type { JobState } from './remote-jobs.ts';

/** What a script printed: how the job stands, then its log as bytes. */
export interface Reply {
  readonly state: JobState | 'started';
  /** `conflict`: another command under this id; `error`: see `message`. */
  readonly problem: 'conflict' | 'error' | undefined;
  readonly exitCode: number | undefined;
  readonly bootId: string;
  readonly logSize: number;
  readonly message: string;
  readonly log: Buffer;
}

const states = ['running', 'finished', 'killed', 'lost-to-reboot', 'absent', 'started'] as const;

/** Reads a script's output, given as latin1 so that no byte of the log is lost; undefined if it is not one. */
export function parseReply(stdout: string): Reply | undefined {
  const end = stdout.indexOf('\n--\n');
  if (!stdout.startsWith('caretaker-job\n') || end < 0) return undefined;
  const fields = new Map(stdout.slice(0, end).split('\n').map(splitField));
  const said = fields.get('state');
  const problem = said === 'conflict' || said === 'error' ? said : undefined;
  const state = problem === undefined ? states.find((candidate) => candidate === said) : 'absent';
  if (state === undefined) return undefined;
  const rc = fields.get('rc') ?? '';
  return {
    state,
    problem,
    exitCode: rc === '' ? undefined : Number(rc),
    bootId: fields.get('boot') ?? '',
    logSize: Number(fields.get('size') ?? '0'),
    message: fields.get('message') ?? '',
    log: Buffer.from(stdout.slice(end + '\n--\n'.length), 'latin1'),
  };
}

function splitField(line: string): [string, string] {
  const cut = line.indexOf('=');
  return [line.slice(0, cut), line.slice(cut + 1)];
}

/** Length of the part of a chunk that ends with a whole UTF-8 character; a few bytes may have to wait for the next. */
export function wholeCharacters(chunk: Buffer): number {
  for (let back = 1; back <= Math.min(3, chunk.length); back += 1) {
    const byte = chunk[chunk.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? chunk.length - back : chunk.length;
  }
  return chunk.length;
}
