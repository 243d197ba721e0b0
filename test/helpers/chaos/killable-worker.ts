import { activityInfo } from '@temporalio/activity';
import { loadConfig } from '../../../config/load.ts';
import { runMaintenanceWorker } from '../../../workers/maintenance.ts';
import { runPowerWorker } from '../../../workers/power.ts';
import { breakage } from './broken-activities.ts';
import { isOfCourse } from './history.ts';

/** What the worker says before an activity runs and before its end is reported; it waits for the answer each time. */
export interface Stop {
  readonly moment: 'before' | 'after';
  readonly activity: string;
  /** The same for every attempt of one activity. */
  readonly key: string;
  /** To be sent back as it is, for the worker to go on. */
  readonly number: number;
}

// The process of a worker like that of `workers/main.ts`, for a parent that kills it at an exact moment.
process.on('disconnect', () => process.exit(1));
const waiting = new Map<number, () => void>();
process.on('message', (number: number) => {
  waiting.get(number)?.();
  waiting.delete(number);
});
let stops = 0;

function stop(moment: Stop['moment']): Promise<void> {
  const { activityType, activityId, workflowExecution } = activityInfo();
  const number = stops++;
  const said: Stop = { moment, activity: activityType, key: `${workflowExecution?.runId}/${activityId}`, number };
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    process.send?.(said);
  });
}

const bundle = process.env['CARETAKER_WORKFLOW_BUNDLE'];
const runWorker = process.argv[2] === 'power' ? runPowerWorker : runMaintenanceWorker;
await runWorker({
  config: await loadConfig({ env: process.env }),
  env: process.env,
  ...(bundle ? { workflowBundle: { codePath: bundle } } : {}),
  interceptors: {
    activity: [
      () => ({
        inbound: {
          async execute(input, next) {
            if (!isOfCourse(activityInfo().workflowType)) return next(input);
            await stop('before');
            try {
              return await next(breakage(process.env['CARETAKER_CHAOS_BREAK'])(input));
            } finally {
              await stop('after');
            }
          },
        },
      }),
    ],
  },
  onReady: () => process.send?.('ready'),
});
