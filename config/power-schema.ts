import { z } from 'zod';
import {
  address,
  duration,
  durationOrNone,
  guestTag,
  nodeName,
  nonEmptyText,
  path,
  port,
  secretRef,
  sha256Fingerprint,
  upsName,
  vmid,
  vmidKey,
} from './formats.ts';
import { powerClientsSchema } from './power-clients-schema.ts';

const percent = z.int().min(0).max(100);

const watts = z.int().min(1).max(100_000);

const upsSchema = z.strictObject({
  name: upsName.describe('Name of the UPS at its NUT server, as `upsc -l` shows it.'),
  host: address.describe('Where upsd runs. It must get its power from the UPS, and be outside the cluster.'),
  port: port.default(3493).describe('Port of upsd.'),
  tls: z
    .enum(['required', 'prefer', 'off'])
    .default('prefer')
    .describe(
      '`required`: encrypted or not asked at all. `prefer`: encrypted where the server offers it. `off`: in clear text; whoever is on the network can then pretend an outage.',
    ),
  caFile: path.exactOptional().describe('Certificate authority of the NUT server.'),
  fingerprint: sha256Fingerprint
    .exactOptional()
    .describe('SHA-256 of its certificate; goes before the certificate authority.'),
  interval: duration.default('1 second').describe('Time between two looks at the UPS, at most 5 seconds.'),
  timeout: duration.default('3 seconds').describe('For its answer to one look, at most 5 seconds.'),
  watts: watts
    .exactOptional()
    .describe(
      'What all that hangs on the UPS draws, for `caretaker power plan`: with `nodes[].watts` it shows how much longer the battery lasts once nodes are off.',
    ),
});

const shedSchema = z.strictObject({
  nodes: z.array(nodeName).default([]).describe('Nodes that leave in this phase. Without any, there is no phase 2.'),
  after: duration.default('5 minutes').describe('Time on battery after which the phase begins.'),
  charge: percent.default(60).describe('It begins earlier when the charge (percent) falls to this; 0: never for that.'),
  runtime: duration
    .exactOptional()
    .describe(
      'It begins earlier when the UPS reports no more runtime than this. Without it: what the shutdown of all nodes needs, and 5 minutes more.',
    ),
});

const finalSchema = z.strictObject({
  after: duration.default('15 minutes').describe('Time on battery after which the phase begins.'),
  charge: percent.default(30).describe('It begins earlier when the charge (percent) falls to this; 0: never for that.'),
  runtime: duration
    .exactOptional()
    .describe(
      'It begins earlier when the UPS reports no more runtime than this. Without it: one and a half times what the shutdown of the last nodes needs, at least 5 minutes.',
    ),
  blind: duration
    .default('60 seconds')
    .describe('It begins when the UPS has not answered for so long and was on battery before. On mains it never does.'),
});

const powerNodeSchema = z.strictObject({
  name: nodeName.describe('Name of the node as the cluster knows it.'),
  bmc: z
    .strictObject({
      address: address.describe('Address of its iDRAC, iLO or other BMC that speaks IPMI over LAN.'),
      port: port.default(623).describe('UDP port of the BMC.'),
      user: nonEmptyText.describe('Account with the privilege Operator.'),
      password: secretRef.describe('Its password.'),
      cipherSuite: z.int().min(1).max(17).exactOptional().describe('Cipher suite for BMCs that want another than 17.'),
    })
    .exactOptional()
    .describe('BMC of the node: turns it on, and tells for certain whether it is off.'),
  wake: z
    .strictObject({
      mac: z
        .string()
        .regex(/^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$/, { error: 'is not a MAC address' })
        .describe('MAC address of the network card that listens for magic packets.'),
      broadcast: address.default('255.255.255.255').describe('Broadcast address of its network.'),
      port: port.default(9).describe('UDP port of the magic packet.'),
    })
    .exactOptional()
    .describe('Wake-on-LAN, sent by Caretaker itself and through the API of a node that runs.'),
  watts: watts.exactOptional().describe('What the node draws with its guests, for `caretaker power plan`.'),
});

const restoreSchema = z.strictObject({
  after: duration.default('2 minutes').describe('On mains for so long without a break, nodes may be woken.'),
  charge: percent.default(40).describe('Charge (percent) that the battery must have before a node is woken.'),
  withoutCharge: duration
    .default('15 minutes')
    .describe('On mains for so long, instead, where the UPS reports no charge.'),
  needs: z
    .array(
      z.strictObject({
        name: nonEmptyText.describe('For people: `NAS`.'),
        host: address.describe('Its address.'),
        port: port.describe('TCP port that must answer, such as 2049 for NFS.'),
      }),
    )
    .default([])
    .describe('What must answer before a node is woken.'),
  nodeUp: duration.default('5 minutes').describe('For a woken node until its API answers; then it is woken again.'),
  attempts: z.int().min(1).max(20).default(5).describe('How often a node is woken before people are told.'),
  allowHardReset: z
    .boolean()
    .default(false)
    .describe('Whether a node that hangs in its shutdown may be power-cycled by its BMC.'),
  settle: durationOrNone
    .default('3 minutes')
    .describe('For the guests that the nodes start by themselves, before the others are started.'),
  loopGuard: z
    .int()
    .min(1)
    .max(20)
    .default(2)
    .describe('Outages in an hour that shut nodes down, after which only a battery of 80 % wakes them.'),
});

const guestsSchema = z.strictObject({
  timeout: duration.default('3 minutes').describe('For a guest to shut down, before it is stopped.'),
  timeouts: z.record(vmidKey, duration).default({}).describe('The same for single guests, by vmid.'),
  last: z
    .array(z.union([vmid, nonEmptyText]))
    .default([])
    .describe('Guests that others need, such as DNS, by vmid, name or tag: stopped last and started first.'),
  migrateTags: z
    .array(guestTag)
    .default([])
    .describe('Guests with one of these tags move to a node that stays, if charge and memory allow.'),
  migrateAbove: percent.default(50).describe('Charge (percent) below which no guest is moved.'),
  startDelay: durationOrNone.default('10 seconds').describe('Between two groups of guests that are started again.'),
});

const timeoutsSchema = z.strictObject({
  halt: duration.default('2 minutes').describe('For a node to halt, after its guests.'),
  margin: durationOrNone.default('1 minute').describe('Added to all that a shutdown may take.'),
  yield: duration
    .default('4 minutes')
    .describe(
      'How long a phase that only time asks for waits until running maintenance has reached a safe point and given the cluster back.',
    ),
  rejoin: duration.default('10 minutes').describe('For a woken node to be a full member of the cluster.'),
  guestStart: duration.default('5 minutes').describe('For a guest to run.'),
});

/** `power` of the configuration. */
export const powerSchema = z.strictObject({
  ups: upsSchema.describe('The UPS, by its NUT server.'),
  confirm: durationOrNone
    .default('10 seconds')
    .describe('On battery for so long, it is an outage and people are told.'),
  stabilization: durationOrNone
    .default('30 seconds')
    .describe('After the transfer to battery, charge and runtime are not believed for so long.'),
  shed: shedSchema.prefault({}).describe('Phase 2: some nodes leave, so that the others last longer.'),
  final: finalSchema.prefault({}).describe('Phase 3: all nodes leave.'),
  fsdOnMains: z
    .enum(['act', 'warn'])
    .default('act')
    .describe('What to do when the NUT server orders a shutdown (FSD) while the UPS is on mains.'),
  onlineDischarge: z
    .enum(['online', 'on-battery'])
    .default('online')
    .describe('What `OL DISCHRG` means. Some UPSs, CyberPower among them, say so while they are on battery.'),
  holdDown: durationOrNone
    .default('60 seconds')
    .describe('On mains for so long without a break, the outage counts as over.'),
  memory: durationOrNone
    .default('30 minutes')
    .describe('An outage that begins so soon after another goes on counting its time on battery.'),
  silence: duration.default('60 seconds').describe('A UPS on mains that does not answer for so long is worth a mail.'),
  guests: guestsSchema.prefault({}).describe('How guests are shut down and started again.'),
  quorum: z
    .strictObject({
      allowLoss: z
        .boolean()
        .default(false)
        .describe('Shed although HA is armed and the nodes that stay lose quorum: their watchdogs may reset them.'),
      lowerExpected: z
        .boolean()
        .default(true)
        .describe(
          'Whether the nodes that stay expect fewer votes (`pvecm expected`) once the others are verified off. It is put back when they return.',
        ),
    })
    .prefault({})
    .describe('What may happen to quorum.'),
  nodes: z.array(powerNodeSchema).default([]).describe('How single nodes are turned on.'),
  restore: restoreSchema.prefault({}).describe('The return, when the mains are back.'),
  clients: powerClientsSchema
    .exactOptional()
    .describe(
      'NUT clients of the nodes, which shut them down on a low battery when Caretaker is dead. `caretaker power clients install` makes them.',
    ),
  timeouts: timeoutsSchema.prefault({}).describe('How long to wait before something counts as failed.'),
});

export type PowerConfig = z.output<typeof powerSchema>;
export type PowerNodeConfig = PowerConfig['nodes'][number];
