import type { FaultBehavior, FaultPoint, FaultVerdict } from '../../../lab/core/faults.ts';
import { draw, drawOne, drawWhole } from './draw.ts';

/** How much of what a schedule of faults may do. */
export interface FaultSchedule {
  readonly seed: number;
  /** Share of the calls, commands, connections and tasks that are struck. */
  readonly rate: number;
  /** After so many the cluster is left alone, so that the roll can come to its end. */
  readonly budget: number;
  /** Whether calls are answered with errors that nobody knows, too: each ends the roll, often before it touched a node. */
  readonly unknownErrors: boolean;
}

export function faultSchedule(seed: number): FaultSchedule {
  return {
    seed,
    rate: drawOne([0.01, 0.03, 0.1], seed, 'rate'),
    budget: drawWhole({ from: 5, to: 30 }, seed, 'budget'),
    unknownErrors: draw(seed, 'unknown errors') < 1 / 3,
  };
}

/**
 * Strikes by chance what the protocols can suffer: late answers, cut connections, answers lost after the effect, errors
 * of a proxying node, held locks, tasks that fail. It never lies: what the API says has happened, has.
 */
export function randomFaults({ seed, rate, budget, unknownErrors }: FaultSchedule): FaultBehavior {
  const met = new Map<string, number>();
  let left = budget;
  return (point) => {
    const name = nameOf(point);
    const nth = met.get(name) ?? 0;
    met.set(name, nth + 1);
    if (left === 0 || draw(seed, 'whether', name, nth) >= rate) return undefined;
    const ms = drawWhole({ from: 200, to: 20_000 }, seed, 'delay', name, nth);
    const choices = [...verdictsFor(point, ms), ...(unknownErrors ? unknownErrorsFor(point) : [])];
    if (choices.length === 0) return undefined;
    left -= 1;
    return drawOne(choices, seed, 'which', name, nth);
  };
}

/** The same from run to run, whatever else goes on at the time. */
function nameOf(point: FaultPoint): string {
  switch (point.at) {
    case 'api':
      return `${point.phase} ${point.method} ${point.path.replace(/UPID:[^/]*/, 'UPID')}`;
    case 'command':
      return `${point.phase} ${point.machine} ${point.name}`;
    case 'connection':
      return `${point.protocol} ${point.machine}`;
    case 'node':
      return `${point.step} ${point.machine}`;
    case 'mail':
      return 'mail';
    case 'ups':
    case 'bmc':
      return `${point.step} ${point.machine} ${point.command ?? ''}`;
    case 'wake':
      return `wake ${point.machine}`;
    case 'task':
      return `${point.type} ${point.id} on ${point.node}`;
  }
}

function verdictsFor(point: FaultPoint, ms: number): FaultVerdict[] {
  const late: FaultVerdict = { do: 'delay', ms };
  const cut: FaultVerdict = { do: 'drop' };
  switch (point.at) {
    case 'api':
      if (point.phase === 'after') return [late, cut, failed(596, 'Connection timed out')];
      return [
        late,
        cut,
        failed(500, `can't lock file '/var/lock/lock.conf' - got timeout`),
        failed(500, 'ipcc_send_rec[1] failed: Connection refused'),
        failed(595, 'No route to host'),
        failed(596, 'Broken pipe'),
        failed(401, 'Authentication failed!'),
      ];
    case 'command':
      return [late, cut, ...(REFUSALS[point.name] ?? []).map((reason) => failed(255, reason))];
    case 'connection':
      return point.protocol === 'https'
        ? [cut]
        : [late, cut, failed(0, 'Not allowed at this time'), { do: 'cut', bytes: ms }];
    case 'node':
    case 'mail':
    case 'ups':
    case 'bmc':
    case 'wake':
      return [];
    case 'task':
      return [late, failed(500, 'command failed with exit code 1')];
  }
}

/** No sentence that anybody knows: to be taken for a refusal. */
function unknownErrorsFor(point: FaultPoint): FaultVerdict[] {
  return point.at === 'api' && point.phase === 'before' ? [failed(500, 'internal error')] : [];
}

/** What commands say when pmxcfs or corosync are away for a moment. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  pvecm: ['Cannot initialize CMAP service'],
  'ha-manager': ['ipcc_send_rec[1] failed: Connection refused'],
  systemctl: ['Failed to connect to bus: Connection refused'],
};

function failed(status: number, reason: string): FaultVerdict {
  return { do: 'error', status, reason };
}
