import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import {
  nutClientsId,
  patchFleetId,
  patchHostId,
  powerGuardId,
  powerOutageId,
  powerPlanId,
  powerRestoreId,
  rollingUpdateId,
  undoLaterId,
  updateNodeId,
  weeklyUpdatesId,
} from '../../domain/ids.ts';
import { bundleMutant } from '../helpers/mutant.ts';
import { workflowBundle } from '../helpers/temporal.ts';

const FOLDER = fileURLToPath(new URL('histories', import.meta.url));
const histories = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort();

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
}

/** Workflows look at their own id, which a history does not hold. All were recorded on the cluster `small`. */
function idOf(file: string): string {
  const ids: Readonly<Record<string, string>> = {
    undoLater: undoLaterId('small', 'pve1'),
    updateNode: updateNodeId('small'),
    patchHost: patchHostId('small', 'ct-1'),
    patchFleet: patchFleetId('small', 'lxc'),
    weeklyUpdates: weeklyUpdatesId('small'),
    provisionNutClients: nutClientsId('small'),
    removeNutClients: nutClientsId('small'),
    powerGuard: powerGuardId('ups'),
    powerOutage: powerOutageId('ups'),
    powerPlan: powerPlanId('ups', 'recorded'),
    powerRestore: powerRestoreId('ups'),
  };
  return ids[file.split('/')[0] ?? ''] ?? rollingUpdateId('small');
}

describe('runs that were recorded', () => {
  it('cover every workflow', () => {
    const recorded = new Set(histories.map((file) => file.split('/')[0]));
    const index = readFileSync(new URL('../../workflows/index.ts', import.meta.url), 'utf8');
    const exported = [...index.matchAll(/^export \{ (\w+) \}/gm)].map(([, name]) => name);
    expect(exported.length).toBeGreaterThan(4);
    expect(recorded).toEqual(new Set(exported));
  });

  it.each(histories)('%s can be continued by the workflows of today', async (file) => {
    await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, read(file), idOf(file));
  });

  it('could not be continued by a workflow that upgrades a host before it has a snapshot', async () => {
    const mutant = await bundleMutant('patch-host.ts', (source) =>
      source
        .replace(/ *await upgradeHost\(run\);\n/, '')
        .replace(/( *)const snapshot = await takeSnapshot\(run\);/, '$1await upgradeHost(run);\n$&'),
    );
    const file = histories.find((each) => each.startsWith('patchHost/weekly-ct-1')) ?? '';

    await expect(Worker.runReplayHistory({ workflowBundle: mutant }, read(file), idOf(file))).rejects.toThrow(
      /[Nn]ondeterminism|[Dd]eterminism/,
    );
  });

  it('could not be continued by a workflow that upgrades before it has drained', async () => {
    const mutant = await bundleMutant('update-node.ts', (source) =>
      source.replace(/ *await drain\(run\);\n/, '').replace(/( *)await rebootIfNeeded\(/, '$1await drain(run);\n$&'),
    );
    const file = histories.find((each) => each.startsWith('updateNode/done')) ?? '';

    await expect(Worker.runReplayHistory({ workflowBundle: mutant }, read(file), idOf(file))).rejects.toThrow(
      /[Nn]ondeterminism|[Dd]eterminism/,
    );
  });
});
