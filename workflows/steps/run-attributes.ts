import { defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import { SearchAttribute } from '../../domain/search-attributes.ts';

const kindKey = defineSearchAttributeKey(SearchAttribute.kind, 'KEYWORD');
const nodeKey = defineSearchAttributeKey(SearchAttribute.node, 'KEYWORD');
const outcomeKey = defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD');

type RunKind =
  | 'rolling-update'
  | 'node-update'
  | 'host-patch'
  | 'fleet-patch'
  | 'weekly-updates'
  | 'remove-snapshot'
  | 'undo-later'
  | 'nut-clients'
  | 'power-guard'
  | 'power-outage'
  | 'power-restore'
  | 'power-plan'
  | 'mail';

/** Makes the run findable: `MaintenanceKind = "rolling-update" AND MaintenanceOutcome = "failed"`. */
export function describeRun(kind: RunKind, node?: string): void {
  upsertSearchAttributes([
    { key: kindKey, value: kind },
    { key: outcomeKey, value: 'running' },
    ...(node === undefined ? [] : [{ key: nodeKey, value: node }]),
  ]);
}

export function describeOutcome(outcome: string): void {
  upsertSearchAttributes([{ key: outcomeKey, value: outcome }]);
}
