import { readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { afterEach, describe, expect, it } from 'vitest';
import { powerOutageId, powerRestoreId } from '../../domain/ids.ts';
import type { OutageReport } from '../../domain/outage.ts';
import { smallSite } from '../../lab/site.ts';
import { labPowerActivities, type LabPowerActivities } from '../helpers/lab-power-activities.ts';
import { usePowerEnvironment } from '../helpers/power/live.ts';
import { uniqueName, workflowBundle } from '../helpers/temporal.ts';

const environment = usePowerEnvironment();

const BMC_PASSWORD = 'pass-of-the-bmc';
process.env['LAB_BMC_PASSWORD'] = BMC_PASSWORD;

let world: LabPowerActivities;
afterEach(() => world.close());

/** Lines that a node is asked over SSH in a rehearsal: each of them reads. */
const READS = [/^true$/, /^cat /, /^pvecm status$/, /^uname /, /^systemctl (is-active|list-units|show)/];

describe('A rehearsal of a power cut, on the lab', () => {
  it('goes through all phases and the return, changes nothing, and leaves no secret behind', async () => {
    world = await labPowerActivities(smallSite({ ha: true }), {
      shed: { nodes: ['pve2'] },
      nodes: [{ name: 'pve1', bmc: { address: '127.0.0.1', user: 'op', password: { env: 'LAB_BMC_PASSWORD' } } }],
    });
    const { lab, activities } = world;
    const running = runningIn(world);
    const taskQueue = uniqueName('power');
    const { client, nativeConnection } = environment();
    const worker = await Worker.create({
      connection: nativeConnection,
      taskQueue,
      workflowBundle: workflowBundle(),
      activities,
    });
    const workflowId = uniqueName(powerOutageId('rehearsal'));
    const { report } = await worker.runUntil(
      client.workflow.execute('powerOutage', { taskQueue, workflowId, args: [{ rehearsal: true }] }) as Promise<{
        report: OutageReport;
      }>,
    );

    expect(report).toMatchObject({ outcome: 'rehearsed', highestPhase: 'final' });
    const said = report.events.map(({ text }) => text).join('\n');
    for (const node of ['pve1', 'pve2']) expect(said).toContain(`would shut down ${node}`);
    expect(said).toContain('would disarm HA');
    expect(said).toContain('would turn pve1 on by its BMC');

    const calls = lab.log.of('api.request').map(({ detail }) => detail['method']);
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter((method) => method !== 'GET')).toEqual([]);
    const lines = lab.log.of('ssh.exec').map(({ detail }) => String(detail['line']));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !READS.some((reads) => reads.test(line)))).toEqual([]);
    expect(lab.log.of('bmc.control', 'wake.packet', 'task.start', 'guest.stop', 'shutdown.request')).toEqual([]);
    expect(runningIn(world)).toEqual(running);

    const { token, ssh } = lab.access;
    const secrets = [token.secret, BMC_PASSWORD, readFileSync(ssh.privateKeyFile, 'utf8').split('\n')[1] ?? ''];
    for (const id of [workflowId, powerRestoreId(`rehearsal/${lab.access.ups.name}`)]) {
      const history = await client.workflow.getHandle(id).fetchHistory();
      const text = inClear(history);
      expect(text).toContain(lab.access.cluster);
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    }
  });
});

function runningIn({ lab }: LabPowerActivities): number[] {
  return [...lab.cluster.guests.values()].filter(({ running }) => running).map(({ vmid }) => vmid);
}

/** All that Temporal keeps of a run, with its payloads as they can be read. */
function inClear(history: unknown): string {
  return JSON.stringify(history, (key, value: unknown) =>
    key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : value,
  );
}
