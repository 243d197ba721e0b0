import { defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import { SearchAttribute } from '../../domain/search-attributes.ts';

const kindKey = defineSearchAttributeKey(SearchAttribute.kind, 'KEYWORD');
const nodeKey = defineSearchAttributeKey(SearchAttribute.node, 'KEYWORD');
const outcomeKey = defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD');

/** Makes the run findable: `MaintenanceKind = "rolling-update" AND MaintenanceOutcome = "failed"`. */
export function describeRun(kind: 'rolling-update' | 'node-update' | 'undo-later' | 'mail', node?: string): void {
  upsertSearchAttributes([
    { key: kindKey, value: kind },
    { key: outcomeKey, value: 'running' },
    ...(node === undefined ? [] : [{ key: nodeKey, value: node }]),
  ]);
}

export function describeOutcome(outcome: string): void {
  upsertSearchAttributes([{ key: outcomeKey, value: outcome }]);
}
