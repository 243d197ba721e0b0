// `npm run record-histories`: lives through the cases and keeps their histories for the replay tests. Names of cases as
// arguments record only those.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { SearchAttribute } from '../../../domain/search-attributes.ts';
import { createTeardown } from '../../../scripts/lib/teardown.ts';
import { locateTemporalCli } from '../../../scripts/temporal/locate.ts';
import { ensureNamespace } from '../../../scripts/temporal/namespace.ts';
import { writeWorkflowBundle } from '../../helpers/bundle.ts';
import { mortalTemporal } from '../../helpers/chaos/mortal-temporal.ts';
import type { Case } from './case.ts';
import { LAB_CASES } from './lab-cases.ts';
import { POWER_CASES } from './power-cases.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const HISTORIES = fileURLToPath(new URL('../histories/', import.meta.url));
const SDK_VERSION = '1.24.0';
const run = promisify(execFile);

Runtime.install({ logger: new DefaultLogger('WARN') });
const teardown = createTeardown();
try {
  await recordAll([...LAB_CASES, ...POWER_CASES], process.argv.slice(2));
} finally {
  await teardown.run();
}

async function recordAll(cases: readonly Case[], wanted: readonly string[]): Promise<void> {
  const { path: cliPath } = await locateTemporalCli();
  const temporal = await mortalTemporal(cliPath);
  teardown.add('stop Temporal', () => temporal.close());
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  teardown.add('remove the bundle', () => rm(folder, { recursive: true }));
  const workflowBundlePath = join(folder, 'workflows.cjs');
  await writeWorkflowBundle(workflowBundlePath);
  const { address } = temporal;
  for (const [index, each] of cases.entries()) {
    if (wanted.length > 0 && !wanted.includes(each.name)) continue;
    const namespace = `record-${index}`;
    const connection = await Connection.connect({ address });
    await ensureNamespace(connection, namespace);
    const restartTemporal = () => (temporal.kill(), temporal.back());
    await each.live({ address, namespace, workflowBundlePath, restartTemporal });
    await keep(each, new Client({ connection, namespace }), cliPath, address);
    await connection.close();
  }
}

/** Writes down what the runs of a case have left. */
async function keep(each: Case, client: Client, cliPath: string, address: string): Promise<void> {
  const runs: WorkflowExecutionInfo[] = [];
  for await (const found of client.workflow.list()) if (each.keeps?.(found.type) !== false) runs.push(found);
  for (const { type, workflowId, runId, startTime, typedSearchAttributes } of runs) {
    const node = typedSearchAttributes.get(defineSearchAttributeKey(SearchAttribute.node, 'KEYWORD'));
    const parts = runs.filter(
      (other) =>
        other.workflowId === workflowId && other.status.name === 'CONTINUED_AS_NEW' && other.startTime < startTime,
    );
    const words = [each.name, node, parts.length > 0 ? parts.length + 1 : undefined];
    const file = `${words.filter((word) => word !== undefined).join('-')}.${SDK_VERSION}.json`;
    await mkdir(join(HISTORIES, type), { recursive: true });
    // The CLI writes what the SDK reads back; JSON.stringify of a fetched history does not.
    const of = ['-w', workflowId, '-r', runId, '--address', address, '--namespace', client.options.namespace];
    const { stdout } = await run(cliPath, ['workflow', 'show', ...of, '-o', 'json'], { maxBuffer: 64 * 2 ** 20 });
    await writeFile(join(HISTORIES, type, file), anonymous(stdout));
    process.stdout.write(`${type} ${each.name}: ${type}/${file}\n`);
  }
}

/** Process ids, host and path of the recording machine say nothing about the run. */
function anonymous(history: string): string {
  return history.replaceAll(/"identity": "[^"]*"/g, '"identity": "recorder"').replaceAll(ROOT, '');
}
