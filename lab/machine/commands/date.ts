import type { LabCommand } from '../../core/machine.ts';

/** date(1) of a machine whose clock is wrong; on others it is the real one. Seconds since the epoch only. */
export function dateCommand(aheadMs: number): LabCommand {
  return (call) => {
    if (call.args.join(' ') !== '+%s') {
      call.err(`date: invalid date '${call.args.join(' ')}'\n`);
      return Promise.resolve(1);
    }
    call.out(`${Math.floor((Date.now() + aheadMs) / 1_000)}\n`);
    return Promise.resolve(0);
  };
}
