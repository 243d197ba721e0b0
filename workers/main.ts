import { loadConfig } from '../config/load.ts';
import { runMaintenanceWorker } from './maintenance.ts';

/** Process of the maintenance worker: `npm run worker`. Settings: `caretaker.yaml` and Temporal's environment. */
// A worker that was started by another program, such as `npm start`, ends with it, however that one ends.
process.on('disconnect', () => process.exit(1));

const bundle = process.env['CARETAKER_WORKFLOW_BUNDLE'];
try {
  const config = await loadConfig({ env: process.env });
  await runMaintenanceWorker({
    config,
    env: process.env,
    ...(bundle ? { workflowBundle: { codePath: bundle } } : {}),
    onReady: () => process.send?.('ready'),
  });
} catch (error) {
  process.stderr.write(`The worker cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
