import { onFirstNode, sweepKills } from '../helpers/kill-sweep.ts';

sweepKills([
  ['as the upgrade job starts', onFirstNode('upgrade.start')],
  ['in the middle of the upgrade', onFirstNode('package.configured')],
  ['as the upgrade ends', onFirstNode('upgrade.end')],
  ['as the reboot is requested', onFirstNode('reboot.request')],
  ['while the node is off', onFirstNode('node.off')],
  ['as the node comes up', onFirstNode('node.up')],
]);
