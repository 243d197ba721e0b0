import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import type { CephStatus, ProxmoxClient } from '../../clients/proxmox/index.ts';
import type { ExecResult } from '../../clients/ssh/index.ts';
import { activitiesOver, activityEnvironment, answered, exited, fakeDeps } from '../helpers/fake-deps.ts';

const WELL: CephStatus = { checks: [], placementGroups: { 'active+clean': 128 }, monitors: ['pve1', 'pve2'] };

function answers(status: number, statusText: string): Promise<never> {
  const call = { method: 'GET', path: '/nodes/pve1/ceph/status', endpoint: 'pve2' };
  return Promise.reject(errorFromAnswer(call, { status, statusText, body: '' }));
}

function activities(cephStatus: ProxmoxClient['cephStatus'], exec: (line: string) => ExecResult) {
  const lines: string[] = [];
  const run = (_: string, line: string) => {
    lines.push(line);
    return exec(line);
  };
  return { lines, ...activitiesOver(fakeDeps({ proxmox: { cephStatus }, exec: run })) };
}

const noFlags = () => answered('{"crush_node_flags":{}}');

describe('Ceph', () => {
  it('is absent only where Proxmox says that it is not installed', async () => {
    const { readCeph } = activities(() => answers(500, 'binary not installed: /usr/bin/ceph-mon'), noFlags);
    expect(await activityEnvironment().run(readCeph, { node: 'pve1' })).toBeNull();
  });

  it.each([
    [500, 'got timeout'],
    [500, 'rados_connect failed - No such file or directory'],
    [403, 'Permission check failed (/, Sys.Audit|Datastore.Audit)'],
  ])('that answers %d %s is not taken for absent', async (status, text) => {
    const { readCeph } = activities(() => answers(status, text), noFlags);
    await expect(activityEnvironment().run(readCeph, { node: 'pve1' })).rejects.toMatchObject({
      message: expect.stringContaining(text) as string,
    });
  });

  it('is asked whether all OSDs and the monitor of the node may stop, and its refusal is waited for', async () => {
    let refusals = 1;
    const { awaitCeph, lines } = activities(
      () => Promise.resolve(WELL),
      (line) => {
        if (line.startsWith('ceph osd ls-tree')) return answered('3\n4\n');
        if (line.startsWith('ceph osd ok-to-stop') && refusals-- > 0) return exited(16, 'Error EBUSY: unsafe to stop');
        return line.includes('dump') ? noFlags() : answered('');
      },
    );
    const input = { node: 'pve1', stopping: true, flagged: true, ignored: [], within: '1 minute' } as const;
    await activityEnvironment().run(awaitCeph, input);
    expect(lines.filter((line) => line === 'ceph osd ok-to-stop 3 4')).toHaveLength(2);
    expect(lines.at(-1)).toBe('ceph mon ok-to-stop pve1');
  });

  it('is told to keep the OSDs of a host in only until it shows that it does', async () => {
    let set = false;
    const { ensureCephNoout, lines } = activities(
      () => Promise.resolve(WELL),
      (line) => {
        if (line.includes('dump')) return answered(`{"crush_node_flags":${set ? '{"pve1":["noout"]}' : '{}'}}`);
        set = true;
        return answered('');
      },
    );
    await activityEnvironment().run(ensureCephNoout, { node: 'pve1', on: true, within: '1 minute' });
    expect(lines.filter((line) => !line.includes('dump'))).toEqual(['ceph osd add-noout pve1']);
  });
});
