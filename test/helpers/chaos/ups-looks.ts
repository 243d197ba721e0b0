import type { Lab } from '../../../lab/index.ts';

/** When somebody looked at the UPS of a lab: milliseconds since the epoch. */
export interface UpsLooks {
  /** All of them, in order. */
  readonly at: readonly number[];
  /** The first that found it on battery. */
  readonly out: number | undefined;
  /** The first after that which found the mains back. */
  readonly back: number | undefined;
}

/** Notes every look at the UPS from now on. */
export function noteLooks({ faults, ups }: Lab): UpsLooks {
  const at: number[] = [];
  let out: number | undefined;
  let back: number | undefined;
  faults.add((point) => {
    if (point.at !== 'ups' || point.step !== 'answer' || point.command !== 'LIST VAR') return undefined;
    const now = Date.now();
    at.push(now);
    if (!ups.device.mains) out ??= now;
    else if (out !== undefined) back ??= now;
    return undefined;
  });
  return {
    at,
    get out() {
      return out;
    },
    get back() {
      return back;
    },
  };
}
