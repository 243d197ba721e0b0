import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { searchAttributeNames } from '../../workers/search-attributes.ts';
import { timeSkippingEnvironment, uniqueName } from '../helpers/temporal.ts';

describe('the time-skipping environment', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await timeSkippingEnvironment();
  });
  afterAll(() => environment.teardown());

  it('lets a day pass at once', async () => {
    const before = await environment.currentTimeMs();
    await environment.sleep('1 day');
    expect(await environment.currentTimeMs()).toBeGreaterThanOrEqual(before + 86_400_000);
  });

  it("accepts runs that carry Caretaker's search attributes", async () => {
    const handle = await environment.client.workflow.start('anything', {
      taskQueue: uniqueName('queue'),
      workflowId: uniqueName('run'),
      typedSearchAttributes: searchAttributeNames().map((name) => ({
        key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
        value: 'x',
      })),
    });
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.terminate();
  });

  it('notes the process of its server, so that it can be ended if this test dies', () => {
    const notes = readdirSync(dirname(inject('testServerPath'))).filter((name) => name.endsWith('.pid'));
    expect(notes.length).toBeGreaterThan(0);
  });
});
