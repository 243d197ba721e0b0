import { expect, it } from 'vitest';
import { disturbedRoll, quickPair } from '../helpers/chaos/disturbed-roll.ts';

it('an upgrade that is not found again by the next worker is seen as two upgrades', () =>
  disturbedRoll(
    {
      site: quickPair(),
      broken: 'a-job-for-each-attempt',
      killOn: [({ action, subject }) => action === 'upgrade.start' && subject === 'node/pve1'],
    },
    ({ breaches, supervisor }) => {
      expect(supervisor.kills).toHaveLength(1);
      expect(breaches).toContain('2 upgrades of node/pve1');
    },
  ));
