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

/** Workflows look at their own id, which a history does not hold. All were recorded on the cluster `small`, or on the UPS `ups`. */
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

/** What each makes of the workflows could not have lived through what was recorded. */
const MUTANTS: readonly {
  readonly does: string;
  readonly file: string;
  readonly change: (source: string) => string;
  readonly recorded: string;
}[] = [
  {
    does: 'upgrades a host before it has a snapshot',
    file: 'patch-host.ts',
    change: (source) =>
      source
        .replace(/ *await upgradeHost\(run\);\n/, '')
        .replace(/( *)const snapshot = await takeSnapshot\(run\);/, '$1await upgradeHost(run);\n$&'),
    recorded: 'patchHost/weekly-ct-1',
  },
  {
    does: 'upgrades before it has drained',
    file: 'update-node.ts',
    change: (source) =>
      source.replace(/ *await drain\(run\);\n/, '').replace(/( *)await rebootIfNeeded\(/, '$1await drain(run);\n$&'),
    recorded: 'updateNode/done',
  },
  {
    does: 'shuts a host down before its guests',
    file: 'steps/power/shed.ts',
    change: swapped(/ *if \(isCalledOff\(await stopGuestsOf\(.*\n/, / *const told = await haltHost\(.*\n/),
    recorded: 'powerOutage/return-after-shed',
  },
  {
    does: 'starts guests before their nodes are woken',
    file: 'steps/power/come-back.ts',
    change: swapped(/ *\.\.\.\(await wakeNodes\(restore\)\),\n/, / *\.\.\.\(await restoreGuests\(restore\)\),\n/),
    recorded: 'powerRestore/return-after-shed',
  },
];

/** Lets two pieces of a source change places. */
function swapped(one: RegExp, other: RegExp): (source: string) => string {
  return (source) => {
    const [first = '', second = ''] = [source.match(one)?.[0], source.match(other)?.[0]];
    if (first === '' || second === '') return source;
    return source
      .replace(first, '\0')
      .replace(second, () => first)
      .replace('\0', () => second);
  };
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

  it.each(MUTANTS)('could not be continued by a workflow that $does', async ({ file, change, recorded }) => {
    const mutant = await bundleMutant(file, change);
    const history = histories.find((each) => each.startsWith(recorded)) ?? '';

    await expect(Worker.runReplayHistory({ workflowBundle: mutant }, read(history), idOf(history))).rejects.toThrow(
      /[Nn]ondeterminism|[Dd]eterminism/,
    );
  });
});
