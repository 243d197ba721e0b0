import { loadConfig } from '../config/load.ts';
import { runMaintenanceWorker } from './maintenance.ts';
import { runPowerWorker } from './power.ts';

/**
 * Process of one worker: `npm run worker` and `npm run worker:power`. Settings: `caretaker.yaml` and Temporal's environment.
 */
// A worker that was started by another program, such as `npm start`, ends with it, however that one ends.
const endWithParent = (): void => process.exit(1);
process.on('disconnect', endWithParent);

const RUN = { maintenance: runMaintenanceWorker, power: runPowerWorker } as const;

const bundle = process.env['CARETAKER_WORKFLOW_BUNDLE'];
try {
  const [queue = 'maintenance'] = process.argv.slice(2);
  if (!(queue in RUN))
    throw new Error(`there is no worker named ${queue}; write one of: ${Object.keys(RUN).join(', ')}`);
  const config = await loadConfig({ env: process.env });
  await RUN[queue as keyof typeof RUN]({
    config,
    env: process.env,
    ...(bundle ? { workflowBundle: { codePath: bundle } } : {}),
    onReady: () => process.send?.('ready'),
  });
} catch (error) {
  process.stderr.write(`The worker cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  // The channel to that program would keep a worker alive that was told to end.
  process.off('disconnect', endWithParent);
  if (process.connected) process.disconnect();
}
