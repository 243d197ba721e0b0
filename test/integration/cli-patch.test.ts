import { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { patchFleetId, weeklyUpdatesId } from '../../domain/ids.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { readLastPatched } from '../../scripts/cli/last-patched.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import { caretaker as runCaretaker, type CliAnswer } from '../helpers/cli.ts';
import { connectToDevServer, uniqueName } from '../helpers/temporal.ts';
import { activitiesOf, aFleetWorld, aGate, fleetBundle, type FleetWorld } from '../workflow/fleet-world.ts';

const namespace = uniqueName('patching');
const PATIENCE = { timeout: 30_000, interval: 200 };
const SECTIONS = `
hosts:
  - { name: pihole-1, address: 127.0.0.1, groups: [lxc] }
  - { name: traefik, address: 127.0.0.2, groups: [lxc] }
  - { name: plex-vm, address: 127.0.0.3, groups: [docker-vms] }
patching: { weekly: [lxc, docker-vms] }`;

let environment: TestWorkflowEnvironment;
let native: NativeConnection;
let client: Client;
let world: FleetWorld;
let worker: Worker;
let working: Promise<void>;

beforeAll(async () => {
  environment = await connectToDevServer();
  client = new Client({ connection: environment.connection, namespace });
  await environment.connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await registerSearchAttributes(environment.connection, namespace);
  native = await NativeConnection.connect({ address: inject('temporalAddress') });
  // Each test has a world of its own behind one worker.
  const current = new Proxy({} as FleetWorld, {
    get: (_, key) => Reflect.get(world, key) as unknown,
    set: (_, key, value) => Reflect.set(world, key, value),
  });
  worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue: TaskQueue.maintenance,
    workflowBundle: await fleetBundle(),
    activities: activitiesOf(current),
  });
  working = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await working;
  await native.close();
  await environment.teardown();
});
beforeEach(() => {
  world = aFleetWorld({ lxc: { hosts: ['pihole-1', 'traefik'] }, 'docker-vms': { hosts: ['plex-vm'] } });
});

function caretaker(...args: string[]): Promise<CliAnswer> {
  const { cluster } = world;
  return runCaretaker({ cluster, temporalAddress: inject('temporalAddress'), namespace, sections: SECTIONS }, ...args);
}

function says(text: string): unknown {
  return expect.stringContaining(text);
}

describe('caretaker patch', { timeout: 120_000 }, () => {
  it('follows the run of a group and ends with its report, 0 when all is well', async () => {
    world.patch = ({ host }) => (host === 'traefik' ? { outcome: 'unchanged', reason: 'there was nothing to do' } : {});
    const answer = await caretaker('patch', 'lxc');
    expect(answer.code).toBe(0);
    expect(answer.out).toContain('1 patched, 1 unchanged');
    expect(answer.out).toMatch(/pihole-1 +✔ patched/);
  });

  it('ends with 1 when a host failed, with what to do; report and history tell it again', async () => {
    world.patch = ({ host }) =>
      host === 'pihole-1' ? { outcome: 'failed', reason: 'dpkg is broken', remedy: 'Run dpkg --configure -a.' } : {};
    const answer = await caretaker('patch', 'lxc');
    expect(answer).toMatchObject({ code: 1, out: says('✘ pihole-1: dpkg is broken') });
    expect(answer.out).toContain('To do: Run dpkg --configure -a.');
    // Temporal's list lags behind.
    await expect.poll(async () => (await caretaker('patch', 'history')).out, PATIENCE).toContain('✘ failed');
    expect((await caretaker('patch', 'report')).out).toContain('dpkg is broken');
    expect(JSON.parse((await caretaker('patch', 'report', '--json')).out)).toMatchObject({
      status: 'failed',
      report: { name: 'lxc', hosts: [{ host: 'pihole-1', outcome: 'failed' }, { outcome: 'patched' }] },
    });
    expect((await caretaker('patch', 'report', '--html')).out).toContain('<!DOCTYPE html>');
    expect(await caretaker('patch', 'status')).toMatchObject({ code: 1, out: says('dpkg is broken') });
  });

  it('starts, shows, holds and stops the weekly updates', async () => {
    const gate = aGate();
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    const id = weeklyUpdatesId(world.cluster);
    expect(await caretaker('patch', '--weekly', '--detach')).toMatchObject({ code: 0, out: says(`runs as ${id}`) });
    expect(await caretaker('patch', '--weekly')).toMatchObject({ code: 1, err: says(`${id} is running already`) });
    await expect.poll(async () => (await caretaker('patch', 'status')).out, PATIENCE).toMatch(/traefik +● in hand/);
    expect((await caretaker('status')).out).toContain(`Hosts are being patched (${id})`);
    expect(await caretaker('cancel')).toMatchObject({ code: 1, err: says(`Hosts are being patched (${id})`) });
    expect((await caretaker('patch', 'pause')).out).toContain('Will hold at the next safe point.');
    expect((await caretaker('patch', 'status')).out).toContain('Paused: no host is begun.');
    expect((await caretaker('patch', 'resume', id)).out).toContain('Goes on.');
    expect((await caretaker('patch', 'cancel')).out).toContain('No host is begun any more.');
    gate.open();
    await expect(client.workflow.getHandle(id).result()).rejects.toThrow();
    await expect.poll(() => caretaker('patch', 'status'), PATIENCE).toMatchObject({ code: 1, out: says('aborted') });
  });

  it('is what the hosts are told to have been patched by, the last time that it went well', async () => {
    const site = {
      config: { cluster: { name: world.cluster } },
      terminal: { env: { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: namespace } },
    };
    await caretaker('patch', 'lxc');
    world.patch = ({ host }) => (host === 'traefik' ? { outcome: 'failed' } : { outcome: 'unchanged' });
    await caretaker('patch', 'lxc');
    const last = () => readLastPatched(site, ['pihole-1', 'traefik', 'plex-vm']);
    await expect
      .poll(last, PATIENCE)
      .toMatchObject([{ value: { outcome: 'unchanged' } }, { value: { outcome: 'patched' } }, { value: null }]);
    const nowhere = { ...site, terminal: { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } } };
    expect(await readLastPatched(nowhere, ['pihole-1'])).toEqual([{ unknown: 'Temporal does not answer' }]);
  });

  it('looks only with --dry-run, and tells what it would do', async () => {
    world.patch = () => ({ outcome: 'planned', reason: '3 packages to upgrade', packages: [] });
    expect(await caretaker('patch', 'plex-vm', '--dry-run')).toMatchObject({
      code: 0,
      out: says('1 would be patched'),
    });
    expect(world.begun).toMatchObject([{ host: 'plex-vm', policy: { dryRun: true } }]);
    expect(world.leases).toEqual([]);
  });

  it('passes on what is asked of it', async () => {
    await caretaker('patch', 'plex-vm', '--no-reboot');
    expect(world.begun).toMatchObject([{ policy: { autoReboot: false } }]);
  });

  it('starts nothing for a name that nobody knows, and nothing without one', async () => {
    expect(await caretaker('patch', 'traefi')).toMatchObject({ code: 2, err: says('Did you mean traefik?') });
    expect(await caretaker('patch')).toMatchObject({ code: 2, err: says('Name one host or one group') });
    expect(await caretaker('patch', 'lxc', '--weekly')).toMatchObject({ code: 2 });
    await expect(client.workflow.getHandle(patchFleetId(world.cluster, 'lxc')).describe()).rejects.toThrow(/not found/);
  });

  it('says so when the host whose reboot is asked about is not being patched', async () => {
    expect(await caretaker('patch', 'skip-reboot', 'plex-vm')).toMatchObject({
      code: 1,
      err: says('plex-vm is not being patched now'),
    });
    expect(await caretaker('patch', 'reboot-now', 'lxc')).toMatchObject({ code: 2, err: says('lxc is a group') });
  });
});
