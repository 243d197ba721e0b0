import { describe, expect, it } from 'vitest';
import type { HaResource } from '../../clients/proxmox/index.ts';
import { activityEnvironment, answered, clientError, exited } from '../helpers/fake-deps.ts';
import { fakePowerDeps, powerActivitiesOver } from '../helpers/fake-power.ts';

/** A node that expects `votes`; how it takes a new number is up to `take`. */
function corosync(votes: number, take: 'at once' | 'late' | 'never' = 'at once') {
  const told: string[] = [];
  let looks = 0;
  const exec = (_node: string, line: string) => {
    if (line === 'pvecm status') {
      if (take === 'late' && told.length > 0 && ++looks === 3) votes = Number(told[0]);
      return answered(`Quorate:          No\nExpected votes:   ${votes}\nTotal votes:      1\nQuorum:           2\n`);
    }
    const number = /^pvecm expected (\d+)$/.exec(line)?.[1] ?? '';
    told.push(number);
    if (take === 'never') return exited(1, 'Unable to set expected votes: CS_ERR_INVALID_PARAM');
    if (take === 'at once') votes = Number(number);
    return answered('');
  };
  const { setExpectedVotes } = powerActivitiesOver(fakePowerDeps({ exec }));
  const set = (wanted: number, rehearsal = false, spent = 0) =>
    activityEnvironment({ heartbeatDetails: { spent } }).run(setExpectedVotes, {
      node: 'pve1',
      votes: wanted,
      rehearsal,
    });
  return { told, set };
}

describe('the votes that are expected', () => {
  it('are set, and read again as the proof', async () => {
    for (const take of ['at once', 'late'] as const) {
      const { told, set } = corosync(2, take);
      expect(await set(1)).toEqual({ outcome: 'done', words: 'pve1 expects 1 vote instead of 2' });
      expect(told).toEqual(['1']);
    }
  });

  it('stay as they are when they are as wanted', async () => {
    const { told, set } = corosync(2);
    expect(await set(2)).toEqual({ outcome: 'done', words: 'pve1 expects 2 votes already' });
    expect(told).toEqual([]);
  });

  it('are only named in a rehearsal', async () => {
    const { told, set } = corosync(2);
    expect(await set(1, true)).toEqual({ outcome: 'done', words: 'would let pve1 expect 1 vote instead of 2' });
    expect(told).toEqual([]);
  });

  it('that are not taken are a failure with words', async () => {
    const { set } = corosync(2, 'never');
    // An earlier attempt has waited long enough.
    expect(await set(1, false, 15_000)).toEqual({
      outcome: 'failed',
      words:
        'pve1 does not expect 1 vote: pve1: "pvecm expected 1" ended with 1: ' +
        'Unable to set expected votes: CS_ERR_INVALID_PARAM',
    });
  });

  it('cannot be set on a node that does not answer', async () => {
    const exec = () => Promise.reject(clientError('retryable', 'no connection'));
    const { setExpectedVotes } = powerActivitiesOver(fakePowerDeps({ exec }));
    expect(await activityEnvironment().run(setExpectedVotes, { node: 'pve1', votes: 1, rehearsal: false })).toEqual({
      outcome: 'failed',
      words: 'no connection',
    });
  });
});

/** HA as it is asked now; `fails` is a service for which it cannot be asked. */
function ha(states: Readonly<Record<string, string>>, fails?: string) {
  const asked: string[] = [];
  const haResources = () =>
    Promise.resolve(Object.entries(states).map(([sid, state]) => ({ sid, state }) as HaResource));
  const setHaState = (sid: string, state: string) => {
    if (sid === fails) return Promise.reject(clientError('retryable', 'cluster not ready - no quorum?'));
    asked.push(`${sid} ${state}`);
    return Promise.resolve();
  };
  const { setHaRequests } = powerActivitiesOver(fakePowerDeps({ proxmox: { haResources, setHaState } }));
  const set = (requested: Record<string, string>, rehearsal = false) =>
    activityEnvironment().run(setHaRequests, { requested, rehearsal });
  return { asked, set };
}

describe('what the HA manager is asked for', () => {
  const before = { 'vm:100': 'started', 'vm:101': 'stopped', 'ct:200': 'enabled', 'ct:201': 'ignored' };

  it('is again what it was before, where it differs', async () => {
    const { asked, set } = ha({ 'vm:100': 'stopped', 'vm:101': 'stopped', 'ct:200': 'started', 'ct:201': 'stopped' });
    expect(await set(before)).toEqual({
      outcome: 'done',
      words: 'the HA manager was asked for vm:100 started, ct:201 ignored',
    });
    expect(asked).toEqual(['vm:100 started', 'ct:201 ignored']);
  });

  it('is left alone for a service that somebody has taken out of HA or put under it', async () => {
    const { asked, set } = ha({ 'vm:100': 'started', 'vm:999': 'stopped' });
    expect(await set(before)).toMatchObject({ outcome: 'done' });
    expect(asked).toEqual([]);
  });

  it('is asked for of all services though one fails', async () => {
    const { asked, set } = ha({ 'vm:100': 'stopped', 'ct:200': 'stopped' }, 'vm:100');
    expect(await set(before)).toEqual({ outcome: 'failed', words: 'vm:100: cluster not ready - no quorum?' });
    expect(asked).toEqual(['ct:200 started']);
  });

  it('is only named in a rehearsal', async () => {
    const { asked, set } = ha({ 'vm:100': 'stopped' });
    expect(await set(before, true)).toEqual({
      outcome: 'done',
      words: 'would ask the HA manager for vm:100 started',
    });
    expect(asked).toEqual([]);
  });
});
