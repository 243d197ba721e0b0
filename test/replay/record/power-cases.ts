import { TestWorkflowEnvironment } from '@temporalio/testing';
import { registerSearchAttributes } from '../../../workers/search-attributes.ts';
import { BEGIN, outFor } from '../../helpers/power/live.ts';
import { PowerRun, type PowerRunOptions } from '../../helpers/power/power-run.ts';
import type { Case } from './case.ts';

interface Day extends PowerRunOptions {
  readonly name: string;
  /** What has to be the last that happened before the mains came back for good. */
  readonly returnsAfter: string | null;
  readonly keeps: readonly string[];
}

const OUTAGE = ['powerOutage', 'powerRestore'];

const DAYS: readonly Day[] = [
  { name: 'blip', mains: outFor(8), returnsAfter: null, keeps: ['powerGuard'] },
  { name: 'return-in-hold', mains: outFor(120), returnsAfter: null, keeps: OUTAGE },
  { name: 'return-before-shed', mains: outFor(310), returnsAfter: 'pve2: stop media, lab', keeps: OUTAGE },
  { name: 'return-while-shed', mains: outFor(335), returnsAfter: 'pve2 shuts down', keeps: OUTAGE },
  { name: 'return-after-shed', mains: outFor(500), returnsAfter: 'pve1: expects 1', keeps: OUTAGE },
  { name: 'return-before-final', mains: outFor(910), returnsAfter: 'pve1: stop files', keeps: OUTAGE },
  { name: 'return-in-final', mains: outFor(950), returnsAfter: 'pve1 shuts down', keeps: OUTAGE },
  {
    name: 'continued',
    // An outage to be remembered, and then more news than one history holds.
    mains: [...outFor(500), ...Array.from({ length: 9 }, (_, index) => flicker(4_000 + 100 * index)).flat()],
    returnsAfter: null,
    keeps: ['powerGuard'],
  },
];

function flicker(at: number) {
  return outFor(5).map((change) => ({ ...change, at: change.at - BEGIN + at }));
}

/** Days of the virtual site, with the real workflows of power. */
export const POWER_CASES: readonly Case[] = DAYS.map(({ name, returnsAfter, keeps, ...options }) => ({
  name,
  keeps: (type) => keeps.includes(type),
  async live({ address, namespace, workflowBundlePath }) {
    const environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
    try {
      await registerSearchAttributes(environment.connection, namespace);
      const run = new PowerRun(environment, {
        ...options,
        settings: (settings) => ({ ...settings, ups: 'ups' }),
        workflowBundle: { codePath: workflowBundlePath },
      });
      await run.live();
      const back = options.mains.at(-1)?.at ?? 0;
      const last = run.site.events.findLast(({ at }) => at <= back)?.what ?? null;
      if (returnsAfter !== null && last !== returnsAfter) {
        throw new Error(
          `${name}: the mains come back after '${last}', not after '${returnsAfter}': ${run.story().join(', ')}`,
        );
      }
    } finally {
      await environment.teardown();
    }
  },
}));
