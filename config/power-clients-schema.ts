import { z } from 'zod';
import { duration, nutWord, secretRef } from './formats.ts';

/** `power.clients` of the configuration: the NUT clients of the nodes, which protect them when Caretaker is dead. */
export const powerClientsSchema = z.strictObject({
  user: nutWord.describe('User of the nodes in upsd.users of the NUT server, with `upsmon secondary`.'),
  password: secretRef.describe('Its password. It is written to the nodes, where root and the group nut can read it.'),
  pollInterval: duration
    .default('5 seconds')
    .describe('Time between two looks of a node at the UPS while the mains are on; on battery it is one second.'),
  deadTime: duration
    .default('2 minutes')
    .describe(
      'A node that has not heard of the UPS for so long while it was on battery shuts itself down. Longer than `power.final.blind`, so that Caretaker goes first.',
    ),
  hostSync: duration
    .default('15 seconds')
    .describe('On low battery a node waits for so long for the order of the NUT server, then shuts itself down.'),
});

export type PowerClientsConfig = z.output<typeof powerClientsSchema>;
