import { expect, it } from 'vitest';
import type { LabEvent } from '../../lab/core/event-log.ts';
import { disturbedRoll, expectDone, quickPair } from '../helpers/chaos/disturbed-roll.ts';

const seen = (action: string, node: string) => (event: LabEvent) =>
  event.action === action && event.subject === `node/${node}`;

// The next worker takes some minutes of the lab to start. Whatever goes on by itself meanwhile is met on another node.
it.concurrent.for([
  [
    'as the upgrade starts and the reboot is asked for, and in mid-upgrade and while the other node is off',
    [
      seen('upgrade.start', 'pve1'),
      seen('reboot.request', 'pve1'),
      seen('package.configured', 'pve2'),
      seen('node.off', 'pve2'),
    ],
  ],
  [
    'as the upgrade ends and the node comes up, and as the other node boots',
    [seen('upgrade.end', 'pve1'), seen('node.up', 'pve1'), seen('node.boot', 'pve2')],
  ],
] as const)('the worker is killed %s, and the roll finishes with every step done once', ([, killOn]) =>
  disturbedRoll({ site: quickPair(), killOn }, (done) => {
    expectDone(done);
    expect(done.supervisor.kills).toHaveLength(killOn.length);
  }),
);
