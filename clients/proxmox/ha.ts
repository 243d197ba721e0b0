import type { HaGroup, HaLrm, HaManagerStatus, HaResource, HaRule, HaService, HaStatusLine } from './types.ts';
import { count, flag, list, names, optionalFlag, optionalRecord, optionalText, record, text } from './wire.ts';

/** Where HA was never configured, `manager_status` is empty and nothing has a state. */
export function readHaManagerStatus(data: unknown): HaManagerStatus {
  const raw = record(data, 'HA manager status');
  const manager = optionalRecord(raw['manager_status']);
  const requests = Object.entries(optionalRecord(manager['node_request']));
  return {
    master: optionalText(manager['master_node']),
    timestamp: count(manager['timestamp']),
    quorate: optionalFlag(optionalRecord(raw['quorum'])['quorate']),
    nodes: new Map(Object.entries(optionalRecord(manager['node_status'])).map(([node, state]) => [node, text(state)])),
    maintenanceRequested: new Set(
      requests.filter(([, request]) => flag(optionalRecord(request)['maintenance'])).map(([node]) => node),
    ),
    services: Object.entries(optionalRecord(manager['service_status'])).map(([sid, status]) =>
      readService(sid, status),
    ),
    lrm: new Map(Object.entries(optionalRecord(raw['lrm_status'])).map(([node, status]) => [node, readLrm(status)])),
    disarmed: manager['disarm'] !== undefined && manager['disarm'] !== null,
  };
}

function readService(sid: string, value: unknown): HaService {
  const status = optionalRecord(value);
  return {
    sid,
    node: text(status['node']),
    state: text(status['state']),
    running: flag(status['running']),
    target: optionalText(status['target']),
    maintenanceNode: optionalText(status['maintenance_node']),
  };
}

function readLrm(value: unknown): HaLrm {
  const status = optionalRecord(value);
  return {
    mode: optionalText(status['mode']) ?? 'unknown',
    state: optionalText(status['state']) ?? 'unknown',
    timestamp: count(status['timestamp']),
  };
}

export function readHaStatus(data: unknown): readonly HaStatusLine[] {
  return list(data, 'HA status').map((line) => ({
    id: text(line['id']),
    type: text(line['type']),
    node: optionalText(line['node']),
    status: optionalText(line['status']) ?? '',
    quorate: optionalFlag(line['quorate']),
    timestamp: count(line['timestamp']),
    sid: optionalText(line['sid']),
    state: optionalText(line['state']),
    requestState: optionalText(line['request_state']),
    crmState: optionalText(line['crm_state']),
    armedState: optionalText(line['armed-state']),
  }));
}

export function readHaResources(data: unknown): readonly HaResource[] {
  return list(data, 'HA resource list').map((resource) => ({
    sid: text(resource['sid']),
    // An absent key means started.
    state: optionalText(resource['state']) ?? 'started',
    group: optionalText(resource['group']),
    failback: optionalFlag(resource['failback']),
    maxRelocate: count(resource['max_relocate']),
    maxRestart: count(resource['max_restart']),
  }));
}

export function readHaRules(data: unknown): readonly HaRule[] {
  return list(data, 'HA rule list').map((rule) => ({
    rule: text(rule['rule']),
    type: optionalText(rule['type']) ?? 'unknown',
    disabled: flag(rule['disable']),
    resources: names(rule['resources']),
    nodes: nodeNames(rule['nodes']),
    strict: flag(rule['strict']),
    affinity: optionalText(rule['affinity']),
  }));
}

export function readHaGroups(data: unknown): readonly HaGroup[] {
  return list(data, 'HA group list').map((group) => ({
    group: text(group['group']),
    nodes: nodeNames(group['nodes']),
    restricted: flag(group['restricted']),
  }));
}

/** Node names may carry a priority, `pve1:2`. */
function nodeNames(value: unknown): readonly string[] {
  return names(value).map((name) => name.replace(/:\d+$/, ''));
}
