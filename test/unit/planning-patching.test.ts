import { describe, expect, it } from 'vitest';
import type { Fact } from '../../domain/condition.ts';
import {
  whatIsNotAsBefore,
  whyBackupIsMissing,
  whyGuestIsSkipped,
  whyPartnersAreMissing,
} from '../../planning/patching.ts';

const NOW = Date.parse('2026-11-29T03:00:00Z');

describe('a guest', () => {
  const place = (changes: object) => ({
    guest: { vmid: 192, kind: 'lxc', name: 'x', node: 'pve1', status: 'running', template: false, ...changes } as const,
    mismatches: [],
  });

  it('is patched while it runs, and so is a host that is none', () => {
    expect(whyGuestIsSkipped(place({}))).toBeNull();
    expect(whyGuestIsSkipped({ guest: null, mismatches: [] })).toBeNull();
  });

  it('is left alone in every other state', () => {
    expect(whyGuestIsSkipped(place({ status: 'stopped' }))?.reason).toBe('it is stopped');
    expect(whyGuestIsSkipped(place({ status: 'paused' }))?.reason).toBe('Proxmox calls it paused');
    expect(whyGuestIsSkipped(place({ status: 'stopped', template: true }))?.reason).toBe('192 is a template');
  });
});

describe('the last backup of a guest', () => {
  const good = { endedAt: '2026-11-28T03:00:01Z', ok: true, why: null };

  it('is good enough up to the age that the policy takes', () => {
    expect(whyBackupIsMissing(good, '1 day', NOW)).toBeNull();
    expect(whyBackupIsMissing({ ...good, endedAt: '2026-11-28T02:59:59Z' }, '1 day', NOW)?.reason).toContain(
      'more than 1 day ago',
    );
  });

  it('keeps the guest from being patched when it failed or is not known', () => {
    expect(whyBackupIsMissing({ ...good, ok: false, why: 'no space' }, '1 day', NOW)?.reason).toBe(
      'its last backup failed: no space',
    );
    expect(whyBackupIsMissing(null, '1 day', NOW)?.reason).toBe('no backup of it is known');
  });
});

it('partners that do not answer are named', () => {
  expect(whyPartnersAreMissing([])).toBeNull();
  expect(whyPartnersAreMissing(['a', 'b'])?.reason).toBe('a, b do not answer, and they must never be away together');
});

describe('what is not as before', () => {
  const probe = (name: string, ok: boolean) => ({ name, ok, detail: ok ? 'well' : 'bad' });
  const ran = (...names: string[]): Fact<readonly string[] | null> => ({ value: names });
  const none: Fact<readonly string[] | null> = { value: null };

  it('is a probe that was well, and none that failed already', () => {
    const before = { probes: [probe('dns', true), probe('web', false)], containers: none };
    const after = { probes: [probe('dns', false), probe('web', false)], containers: none };
    expect(whatIsNotAsBefore(before, after)).toEqual(['"dns" fails (bad)']);
  });

  it('is one more of many that a probe looks at, though others were not well before', () => {
    const units = (...ailing: string[]) => ({ name: 'units', ok: ailing.length === 0, detail: ailing.join(), ailing });
    const now = (...ailing: string[]) => ({ probes: [units(...ailing)], containers: none });
    expect(whatIsNotAsBefore(now('old.service'), now('old.service'))).toEqual([]);
    expect(whatIsNotAsBefore(now('old.service'), now('old.service', 'nginx.service'))).toEqual([
      '"units" fails (nginx.service)',
    ]);
  });

  it('is a container that ran, whatever has been added', () => {
    const before = { probes: [], containers: ran('plex', 'traefik') };
    expect(whatIsNotAsBefore(before, { probes: [], containers: ran('traefik', 'new', 'plex') })).toEqual([]);
    expect(whatIsNotAsBefore(before, { probes: [], containers: ran('new') })).toEqual([
      'the containers plex, traefik ran before and do not run',
    ]);
  });

  it('is that nobody can tell, where containers ran before', () => {
    const unknown: Fact<readonly string[] | null> = { unknown: 'docker does not answer' };
    expect(whatIsNotAsBefore({ probes: [], containers: ran('plex') }, { probes: [], containers: unknown })).toEqual([
      'nobody can tell which containers run (docker does not answer)',
    ]);
    expect(whatIsNotAsBefore({ probes: [], containers: ran('plex') }, { probes: [], containers: none })).toEqual([
      'the container plex ran before and does not run',
    ]);
    expect(whatIsNotAsBefore({ probes: [], containers: none }, { probes: [], containers: unknown })).toEqual([]);
  });
});
