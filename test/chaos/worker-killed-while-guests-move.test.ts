import { sweepKills, taskStarts } from '../helpers/kill-sweep.ts';

sweepKills([
  ['while the package lists are refreshed for the plan', taskStarts('aptupdate')],
  ['while a container is stopped for its move', taskStarts('vzmigrate')],
  ['while a virtual machine moves', taskStarts('qmigrate')],
  ['while a container goes home', taskStarts('vzmigrate', 'node/pve2')],
  ['while a virtual machine goes home', taskStarts('qmigrate', 'node/pve2')],
]);
