import type { LabCommand } from '../../core/machine.ts';
import type { System } from '../system.ts';
import { parseArguments } from './arguments.ts';

/** journalctl(1): what the units of this boot wrote. */
export function journalctlCommand(system: System): LabCommand {
  return (call) => {
    const parsed = parseArguments(call.args, {
      values: { '-u': '--unit', '-n': '--lines', '-o': '--output' },
      valued: ['--unit', '--lines', '--output', '--since', '--until'],
    });
    const unit = parsed.value('--unit');
    const all = unit === undefined ? [] : system.units.journal(unit);
    const count = parsed.value('--lines');
    const lines = count === undefined ? all : all.slice(-Number(count));
    if (lines.length === 0) {
      call.out('-- No entries --\n');
      return Promise.resolve(0);
    }
    const bare = parsed.value('--output') === 'cat';
    for (const line of lines)
      call.out(bare ? `${line.text}\n` : `${stamp(line.at)} ${system.hostname} ${line.tag}: ${line.text}\n`);
    return Promise.resolve(0);
  };
}

/** `Jan 04 03:00:00`, as the journal's short format has it. */
function stamp(ms: number): string {
  const [, day, month, , time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(ms).toUTCString()) ?? [];
  return `${month} ${day} ${time}`;
}
