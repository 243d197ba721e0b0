import { describe, expect, it } from 'vitest';
import { nodeDetails, undoDetails } from '../../workflows/steps/details.ts';
import { progress, undoView } from './samples/cli.ts';

describe('what the Web UI shows of changes that are still to be undone', () => {
  it('is a table with the entry, the reason and what to do by hand, and when it is tried next', () => {
    const [first, ...table] = undoDetails(undoView).split('\n');
    expect(first).toBe(
      '**pve-node1**: next try at 2026-11-22T03:50:00.000Z, 4 tries so far; gives up at 2026-11-25T03:20:00.000Z',
    );
    expect(table).toEqual([
      '',
      '| entry | still to be undone | why | by hand |',
      '| --- | --- | --- | --- |',
      '| maintenance | HA maintenance mode of pve-node1 is still on | pve-node1 is not well: does not answer over SSH, is offline for the other nodes | when the node is well: ha-manager crm-command node-maintenance disable pve-node1 |',
      '| 210 | 210 plex-vm is still on pve-node2 instead of pve-node1 | pve-node1 is not well: does not answer over SSH, is offline for the other nodes | when pve-node1 is well: qm migrate 210 pve-node1 --online, on pve-node2 |',
      '',
      'Update `retryNow`: try now. Update `forget`: leave it to people, one entry by its key or all.',
    ]);
  });

  it('stays one row an entry, whatever a reason holds', () => {
    const [entry] = undoView.open;
    const open = [{ ...entry!, reason: 'exit code 1:\n| no quorum |' }];
    const rows = undoDetails({ ...undoView, open })
      .split('\n')
      .slice(4, -2);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(String.raw`exit code 1: \| no quorum \|`);
  });

  it('is there for the run of a node too, and nothing where nothing is to be undone', () => {
    const [done, busy] = progress.nodes;
    expect(nodeDetails(busy!, [])).toContain('| maintenance | HA maintenance mode of pve-node2 is still on |');
    expect(nodeDetails(done!, [])).not.toContain('still to be undone');
  });
});
