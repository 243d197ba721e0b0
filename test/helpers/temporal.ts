import { randomUUID } from 'node:crypto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundlePath } from '@temporalio/worker';
import { inject } from 'vitest';
import { searchAttributeNames } from '../../workers/search-attributes.ts';
import type {} from './provided.ts';

/**
 * A time-skipping environment for one test file (projects `workflow`). Time is global to it, so its tests run one after
 * another. Call `teardown()` in `afterAll`.
 */
export async function timeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: inject('testServerPath') } },
  });
  // This server is new and cannot list what it knows; `2` is KEYWORD of `temporal.api.enums.v1.IndexedValueType`.
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.namespace ?? 'default',
    searchAttributes: Object.fromEntries(searchAttributeNames().map((name) => [name, 2])),
  });
  return environment;
}

/**
 * Client and worker connections to the dev server shared by the run (projects `integration` and `chaos`). `teardown()`
 * closes the connections and leaves the server to the other files. Use `uniqueName` for ids and task queues.
 */
export function connectToDevServer(): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createFromExistingServer({ address: inject('temporalAddress') });
}

/** The workflows of this project as one bundle, made once per run. Give it to `Worker.create` as `workflowBundle`. */
export function workflowBundle(): WorkflowBundlePath {
  const codePath = inject('workflowBundlePath');
  if (codePath === null) throw new Error('workflows/index.ts does not exist, so there is no bundle to test.');
  return { codePath };
}

/** A name no other test uses, for workflow ids and task queues: `uniqueName('rolling-update')`. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}
