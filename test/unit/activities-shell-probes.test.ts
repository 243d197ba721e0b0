import { expect, it } from 'vitest';
import type { Probe } from '../../domain/probe.ts';
import { activitiesOver, activityEnvironment, fakeDeps } from '../helpers/fake-deps.ts';

type Question = Omit<Probe, 'name' | 'timeout'>;

/** What the probe tells of a host whose shell answers so, and what it was asked. */
async function ask(probe: Question, stdout: string, code = 0, stderr = '') {
  let asked = '';
  const deps = fakeDeps({
    exec: (host, line) => {
      asked = `${host}: ${line}`;
      return { code, stdout, stderr, signal: undefined, truncated: false };
    },
  });
  const probes = [{ name: 'it', timeout: '2 seconds', ...probe } as const];
  const { checkProbes } = activitiesOver(deps);
  const [result] = await activityEnvironment().run(checkProbes, { probes, tries: 1, host: 'web' });
  return { ok: result?.ok, detail: result?.detail, asked };
}

it('a unit is well while it is active', async () => {
  const probe: Question = { kind: 'systemd', unit: 'pihole-FTL.service' };
  expect(await ask(probe, 'active\n')).toEqual({
    ok: true,
    detail: 'pihole-FTL.service is active',
    asked: 'web: systemctl is-active pihole-FTL.service',
  });
  expect(await ask(probe, 'failed\n', 3)).toMatchObject({ ok: false, detail: 'pihole-FTL.service is failed' });
  expect(await ask(probe, 'activating\n', 3)).toMatchObject({ ok: false });
});

it('without a unit none may have failed', async () => {
  expect(await ask({ kind: 'systemd' }, '')).toMatchObject({ ok: true, detail: 'no unit has failed' });
  const failed = 'nginx.service loaded failed failed A web server\nfoo.service not-found failed failed foo\n';
  expect(await ask({ kind: 'systemd' }, failed)).toMatchObject({
    ok: false,
    detail: 'failed: nginx.service, foo.service',
  });
  expect(await ask({ kind: 'systemd' }, '', 1, 'System has not been booted with systemd')).toMatchObject({ ok: false });
});

it('a container is well while it runs and is not unhealthy', async () => {
  const probe: Question = { kind: 'docker', container: 'plex' };
  expect(await ask(probe, 'running healthy\n')).toMatchObject({ ok: true, detail: 'plex is running healthy' });
  expect(await ask(probe, 'running\n')).toMatchObject({ ok: true });
  expect(await ask(probe, 'running unhealthy\n')).toMatchObject({ ok: false, detail: 'plex is running unhealthy' });
  expect(await ask(probe, 'running starting\n')).toMatchObject({ ok: false });
  expect(await ask(probe, 'exited\n')).toMatchObject({ ok: false });
  expect(await ask(probe, '', 1, 'Error: No such object: plex')).toMatchObject({
    ok: false,
    detail: 'Error: No such object: plex',
  });
});

it('without a container every one that runs is looked at', async () => {
  const healthy = 'plex\tUp 3 hours (healthy)\ntraefik\tUp 3 hours\n';
  expect(await ask({ kind: 'docker' }, healthy)).toMatchObject({ ok: true, detail: '2 containers run' });
  const sick = `${healthy}db\tUp 2 minutes (unhealthy)\nloop\tRestarting (1) 3 seconds ago\nnew\tUp 1 second (health: starting)\n`;
  expect(await ask({ kind: 'docker' }, sick)).toMatchObject({
    ok: false,
    detail: 'db: Up 2 minutes (unhealthy), loop: Restarting (1) 3 seconds ago, new: Up 1 second (health: starting)',
  });
});

it('a command is well when it ends with 0', async () => {
  const probe: Question = { kind: 'command', command: 'test -e /srv/media' };
  expect(await ask(probe, '')).toMatchObject({ ok: true, asked: 'web: test -e /srv/media' });
  expect(await ask(probe, '', 2, 'no such share')).toMatchObject({
    ok: false,
    detail: 'the command ended with 2: no such share',
  });
});

it('a question for a shell without a host is a bad answer, not a good one', async () => {
  const probes = [{ name: 'units', kind: 'systemd', timeout: '2 seconds' } as const];
  const [result] = await activityEnvironment().run(activitiesOver(fakeDeps({})).checkProbes, { probes, tries: 1 });
  expect(result?.ok).toBe(false);
});
