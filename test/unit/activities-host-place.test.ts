import { describe, expect, it } from 'vitest';
import type { HostContact } from '../../activities/host-place.ts';
import type { GuestLocation } from '../../clients/proxmox/index.ts';
import { SshError } from '../../clients/ssh/index.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

const SILENT = new SshError('SshUnreachable', 'retryable', 'root@web', 'no route to host');
const ANSWER = { code: 0, stdout: '', stderr: '', signal: undefined, truncated: false };
const PLACE: GuestLocation = {
  type: 'qemu',
  vmid: 213,
  node: 'pve1',
  name: 'web',
  status: 'running',
  running: true,
  lock: undefined,
  haManaged: false,
};

/** How `web` is reached, by its own word, that of Proxmox and that of its node. */
async function contact(world: {
  readonly answers: boolean;
  readonly place?: GuestLocation | undefined;
  readonly reachedByNode?: boolean | 'nobody can tell';
}): Promise<HostContact> {
  const { answers, place = PLACE, reachedByNode = false } = world;
  const deps = fakeDeps({
    proxmox: { guestLocation: () => Promise.resolve('place' in world ? world.place : place) },
    exec: (name, line) => {
      if (name === 'web') return answers ? ANSWER : Promise.reject(SILENT);
      expect(line).toContain('/dev/tcp/10.0.0.9/22');
      if (reachedByNode === 'nobody can tell') return Promise.reject(SILENT);
      return { ...ANSWER, code: reachedByNode ? 0 : 1 };
    },
  });
  return activityEnvironment().run(activitiesOver(deps).contactHost, { host: 'web', vmid: 213 });
}

describe('a host is gone', () => {
  it('when neither we nor its node reach it', async () => {
    expect(await contact({ answers: false, reachedByNode: false })).toBe('gone');
  });

  it('when Proxmox says that it does not run', async () => {
    expect(await contact({ answers: false, place: { ...PLACE, status: 'stopped', running: false } })).toBe('gone');
  });

  it('not when it answers, nor when only our own way to it is broken', async () => {
    expect(await contact({ answers: true })).toBe('answers');
    expect(await contact({ answers: false, reachedByNode: true })).toBe('out-of-our-reach');
  });

  it('as far as nobody can tell when its node does not answer, or no guest has its vmid', async () => {
    await expect(contact({ answers: false, reachedByNode: 'nobody can tell' })).rejects.toMatchObject({
      type: 'RemoteUnavailable',
    });
    await expect(contact({ answers: false, place: undefined })).rejects.toMatchObject({ type: 'RemoteUnavailable' });
  });
});
