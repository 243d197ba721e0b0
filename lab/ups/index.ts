import type { NodeCertificate } from '../certificates.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LabContext } from '../core/context.ts';
import type { Credentials } from '../credentials.ts';
import { UpsDevice } from './device.ts';
import { NutServer } from './server.ts';
import type { NutUser } from './session.ts';
import type { UpsSpec } from './spec.ts';

/** The UPS that the whole site hangs on, and the NUT server that tells of it. */
export interface LabUps {
  readonly device: UpsDevice;
  readonly server: NutServer;
}

/** Users of the lab's NUT server; all have the password of the credentials. */
export const NUT_USERS = {
  /** May set, command and force a shutdown, and does not draw power itself. */
  operator: 'caretaker',
  /** For upsmon on the computer of the server, and on the nodes. */
  primary: 'upsmon-primary',
  secondary: 'upsmon',
} as const;

export async function startUps(
  context: LabContext,
  spec: UpsSpec,
  { upsPassword: password }: Credentials,
  certificate: NodeCertificate,
): Promise<LabUps> {
  const users: NutUser[] = [
    { name: NUT_USERS.operator, password, actions: ['SET', 'FSD'], instcmds: 'ALL' },
    { name: NUT_USERS.primary, password, upsmon: 'primary' },
    { name: NUT_USERS.secondary, password, upsmon: 'secondary' },
  ];
  const device = new UpsDevice(context, spec);
  const server = new NutServer(context, device, { users, ...certificate });
  await server.start();
  // The computer it runs on hangs on the UPS like the rest and starts with the power.
  device.onOutput((on) => {
    (on ? server.start() : server.stop()).catch((error: unknown) => {
      context.log.record('lab', 'ups.server-failed', device.subject, { reason: String(error) });
    });
  });
  return { device, server };
}

/** The nodes draw their power from the UPS, lose it with the battery, and do what their BIOS says when it is back. */
export function hangOn(device: UpsDevice, { nodes }: Cluster): void {
  const { nodeWatts, nodeOffWatts } = device.spec;
  for (const { machine, spec } of nodes.values()) {
    let wasOn = false;
    machine.suppliedBy(() => device.output);
    device.attach({
      watts: () => (machine.power === 'off' ? nodeOffWatts : nodeWatts),
      powerLost: (reason) => {
        wasOn = machine.power !== 'off';
        machine.powerCut(reason);
      },
    });
    machine.onPower(() => device.update());
    device.onOutput((on) => {
      const startsAlone = spec.acRecovery === 'power-on' || (spec.acRecovery === 'last-state' && wasOn);
      if (on && startsAlone) machine.powerOn();
    });
  }
}
