import { sh } from '../../clients/ssh/index.ts';
import type { GuestToStop } from '../../domain/outage.ts';
import { ANSWER_MS, ask, type Answer } from './ask.ts';
import type { PowerDeps } from './deps.ts';

const TOOL = { qemu: 'qm', lxc: 'pct' } as const;

type GuestName = Pick<GuestToStop, 'kind' | 'vmid'>;

export interface GuestShutdown extends GuestName {
  /** Whole seconds after which it is stopped. */
  readonly timeoutSeconds: number;
}

/** What the node said about each guest; undefined for one that it said nothing about. */
export type Said<T> = Answer<ReadonlyMap<number, T>>;

/** Whether guests run on a node whose API is silent; `away`: the node does not have it. Source: qm(1), pct(1): `status`. */
export function readOverSsh(
  deps: PowerDeps,
  node: string,
  guests: readonly GuestName[],
): Promise<Said<'running' | 'stopped' | 'away'>> {
  const lines = guests.map(({ kind, vmid }) => sh`${TOOL[kind]} status ${vmid}`);
  return sayEach(deps, node, guests, lines, ({ text }) => {
    if (/does not exist/.test(text)) return 'away';
    const status = /^status: (\w+)/m.exec(text)?.[1];
    return status === undefined ? undefined : status === 'stopped' ? 'stopped' : 'running';
  });
}

/**
 * Shuts guests down over SSH, each by a unit of its own that goes on when the connection is cut. A unit that is still at it
 * is not started a second time. Gives null for a guest that is seen to, else why not. Source: qm(1), pct(1): `shutdown`.
 */
export function shutDownOverSsh(
  deps: PowerDeps,
  node: string,
  guests: readonly GuestShutdown[],
): Promise<Said<string | null>> {
  const lines = guests.map(({ kind, vmid, timeoutSeconds }) => {
    const unit = `--unit=caretaker-stop-${vmid}`;
    const tool = TOOL[kind];
    return sh`systemd-run --quiet --collect ${unit} ${tool} shutdown ${vmid} --timeout ${timeoutSeconds} --forceStop 1`;
  });
  return sayEach(deps, node, guests, lines, ({ text, code }) =>
    code === 0 || /already (loaded|exists)/.test(text) ? null : text || `exit code ${code}`,
  );
}

interface Reply {
  readonly text: string;
  readonly code: number;
}

/** Runs a line for each guest within one login. */
function sayEach<T>(
  deps: PowerDeps,
  node: string,
  guests: readonly GuestName[],
  lines: readonly string[],
  read: (reply: Reply) => T | undefined,
): Promise<Said<T>> {
  const script = guests.map(
    ({ vmid }, index) => `out=$(${lines[index]} 2>&1); echo "${vmid} $? $out" | tr '\\n' ' '; echo`,
  );
  return ask(async (signal) => {
    const { stdout } = await deps.ssh(node).exec(script.join('\n'), { timeoutMs: ANSWER_MS, signal });
    return new Map(
      [...stdout.matchAll(/^(\d+) (\d+) (.*)$/gm)].flatMap(([, vmid, code, text = '']): [number, T][] => {
        const said = read({ text: text.trim(), code: Number(code) });
        return said === undefined ? [] : [[Number(vmid), said]];
      }),
    );
  });
}
