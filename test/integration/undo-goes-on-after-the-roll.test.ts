import { afterEach, expect, it, vi } from 'vitest';
import { undoLaterId } from '../../domain/ids.ts';
import type { RollReport } from '../../domain/report.ts';
import type { UndoResult } from '../../domain/undo.ts';
import { smallSite } from '../../lab/site.ts';
import { runCli } from '../../scripts/cli/program.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { places, startRoll } from '../helpers/rolls.ts';

vi.setConfig({ testTimeout: 300_000 });

let roll: RollLab;
afterEach(() => roll.close());

async function caretaker(...args: string[]): Promise<string> {
  let out = '';
  const write = (text: string) => (out += text);
  await runCli(args, { env: roll.env, stdout: { columns: 200, write }, stderr: { write } });
  return out;
}

/** Two nodes without QDevice, the VMs under HA, the containers not. */
function aPair() {
  const site = smallSite({ ha: true, overrides: { replication: [] } });
  const guests = site.guests.map(({ ha, ...guest }) => (guest.vmid >= 200 && ha ? { ...guest, ha } : guest));
  return { ...site, guests };
}

it('a node that died in its reboot is given everything back when somebody powers it on again, and HA is armed only then', async () => {
  roll = await rollLab({
    site: aPair(),
    policy: { disarmHa: 'when-it-would-fence', localDisks: 'always', timeouts: { reboot: '5 seconds' } },
  });
  const { lab } = roll;
  const { machine } = lab.node('pve1');
  const before = places(roll);
  lab.faults.once((point) =>
    point.at === 'node' && point.machine === 'node/pve1' && point.step === 'up' ? { do: 'drop' } : undefined,
  );
  await roll.startWorker();

  const failure = await (await startRoll(roll)).result().then(
    () => undefined,
    (error: { cause?: { details: [RollReport] } }) => error.cause?.details[0],
  );

  const id = undoLaterId(lab.access.cluster, 'pve1');
  expect(failure?.nodes[0]).toMatchObject({ outcome: 'failed', undoLater: { workflowId: id } });
  const kinds = failure?.nodes[0]?.openUndo.map(({ undo }) => undo.kind);
  expect(kinds).toEqual(['ha-armed', 'maintenance', 'guest-away']);
  const status = await caretaker('status');
  expect(status).toContain('goes on being tried until');
  expect(status).toContain('Still to be undone on pve1');
  expect(status).toContain('a reboot was asked for and may still come');
  expect(await caretaker('undo')).toContain('pct migrate 101 pve1 --restart, on pve2');
  // Armed beside a dead node, the watchdog would reset the survivor.
  expect(armings()).toEqual(['disarm-ha freeze']);

  machine.powerCut('by hand');
  machine.powerOn();
  await expect.poll(() => lab.node('pve1').joined && machine.power === 'on', { timeout: 60_000 }).toBe(true);
  expect(await caretaker('undo', 'retry', 'pve1')).toContain('Tries now; 3 still to be undone.');

  const result = (await roll.client.workflow.getHandle(id).result()) as UndoResult;
  expect(result).toMatchObject({ open: [], undone: [{ kind: 'ha-armed' }, { kind: 'maintenance' }, { vmid: 101 }] });
  expect(places(roll)).toEqual(before);
  expect(lab.cluster.ha.maintenanceRequests).toEqual(new Set());
  expect(lab.cluster.ha.disarm).toBeUndefined();
  expect(armings().slice(0, 2)).toEqual(['disarm-ha freeze', 'arm-ha']);
  expect(lab.monitor.report().fenced).toEqual([]);
  const subjects = () => lab.mail.messages.map(({ subject }) => subject);
  await expect
    .poll(subjects, { timeout: 20_000 })
    .toContain(`Undone: what was left open on pve1 of ${lab.access.cluster}`);
  expect(await caretaker('undo')).toContain('Nothing is left to be undone');

  function armings(): string[] {
    const commands = lab.log.of('ha.command').map(({ detail }) => String(detail['command']));
    return commands.filter((command) => command.includes('arm'));
  }
});
