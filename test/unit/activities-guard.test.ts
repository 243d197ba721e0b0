import { cancellationSignal, CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { awaitWorld } from '../../activities/await-world.ts';
import { guardAll, isTrustError, report } from '../../activities/guard.ts';
import { errorFromAnswer as answerOfNut, NutError } from '../../clients/nut/errors.ts';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import { SshError } from '../../clients/ssh/index.ts';
import { InputError } from '../../config/errors.ts';
import { activitiesOver, activityEnvironment, clientError, fakeDeps } from '../helpers/fake-deps.ts';

const CALL = { method: 'GET', path: '/cluster/status', endpoint: 'pve1' };

function guarded<Result>(activity: () => Promise<Result>): () => Promise<Result> {
  return guardAll({ activity }).activity;
}

function failing(error: Error) {
  return guarded(() => Promise.reject(error));
}

describe('an activity', () => {
  it('heartbeats by itself, with what it reported last', async () => {
    const heartbeats: unknown[] = [];
    const environment = activityEnvironment({ heartbeatTimeoutMs: 20 });
    const heard = new Promise<void>((resolve) => {
      environment.onHeartbeat((details: unknown) => {
        heartbeats.push(details);
        if (heartbeats.length === 4) resolve();
      });
    });
    await environment.run(
      guarded(async () => {
        report({ waitingFor: 'the world' });
        await heard;
      }),
    );
    expect(heartbeats[0]).toBeUndefined();
    expect(heartbeats.slice(1, 4)).toEqual(Array.from({ length: 3 }, () => ({ waitingFor: 'the world' })));
  });

  it('keeps what its last attempt reported until it reports itself', async () => {
    const heartbeats: unknown[] = [];
    const environment = activityEnvironment({ heartbeatDetails: { tried: 2 } });
    environment.onHeartbeat((details: unknown) => heartbeats.push(details));
    await environment.run(
      guarded(() => Promise.resolve()),
      undefined,
    );
    expect(heartbeats).toEqual([{ tried: 2 }]);
  });

  it('stops its heartbeats when it ends, well or badly', async () => {
    const environment = activityEnvironment({ heartbeatTimeoutMs: 8 });
    await expect(environment.run(failing(new Error('broken')), undefined)).rejects.toThrow('broken');
    const late: unknown[] = [];
    environment.onHeartbeat((details: unknown) => late.push(details));
    // A second activity of five of its own beats: none of the first one's may be heard in between.
    await environment.run(async () => {
      await Context.current().sleep(40);
    });
    expect(late).toEqual([]);
  });

  it('says that asking again cannot help when a remote system refused', async () => {
    await expect(
      activityEnvironment().run(failing(clientError('refused', 'no permission')), undefined),
    ).rejects.toMatchObject({
      type: 'RemoteRefused',
      nonRetryable: true,
      message: 'no permission',
    });
  });

  it.each(['retryable', 'unknown'] as const)('is tried again when the outcome was %s', async (outcome) => {
    await expect(
      activityEnvironment().run(failing(clientError(outcome, 'no answer')), undefined),
    ).rejects.toMatchObject({
      type: 'RemoteUnavailable',
      nonRetryable: false,
    });
  });

  describe('whose credentials are refused', () => {
    const refusals = [
      ['the SSH key', new SshError('SshAuthentication', 'refused', 'root@pve1', 'the host does not accept the key')],
      ['the API token', errorFromAnswer(CALL, { status: 401, statusText: 'Authentication failed!', body: '' })],
    ] as const;

    it.each(refusals)('is tried again for a while, for a node that boots refuses %s', async (_, error) => {
      await expect(activityEnvironment().run(failing(error))).rejects.toMatchObject({
        type: 'RemoteUnavailable',
        nonRetryable: false,
      });
    });

    it.each(refusals)(
      'fails for good, with the remedy, when %s is refused for longer than a minute',
      async (_, error) => {
        const anHourAgo = { scheduledTimestampMs: Date.now() - 3_600_000 };
        await expect(activityEnvironment(anHourAgo).run(failing(error))).rejects.toMatchObject({
          type: 'RemoteRefused',
          nonRetryable: true,
          message: error.message,
        });
      },
    );

    it.each(refusals)(
      'waits to the end of its time when it waits for the world and %s is refused',
      async (_, error) => {
        let looks = 0;
        const wait = () =>
          awaitWorld({
            ...{ what: 'rain', within: '2 hours', intervalMs: 1, errorType: 'RejoinFailed', remedy: 'Dance.' },
            look: () => (++looks < 4 ? Promise.reject(error) : Promise.resolve({ found: 'rain' })),
          } as const);
        const anHourAgo = { scheduledTimestampMs: Date.now() - 3_600_000 };
        expect(await activityEnvironment(anHourAgo).run(guarded(wait))).toBe('rain');
      },
    );

    it('fails at once when the token is malformed: nothing was asked', async () => {
      const malformed = Object.assign(clientError('refused', 'not of the form'), { type: 'ProxmoxUnauthorized' });
      await expect(activityEnvironment().run(failing(malformed))).rejects.toMatchObject({ nonRetryable: true });
    });
  });

  it.each([
    ['ERR DATA-STALE', 'RemoteUnavailable', false],
    ['ERR UNKNOWN-UPS', 'RemoteRefused', true],
    ['ERR VAR-NOT-SUPPORTED', 'RemoteRefused', true],
  ])('of a NUT server that says %s becomes %s', async (words, type, nonRetryable) => {
    const error = answerOfNut('192.0.2.1:3493', 'GET VAR', words.split(' '));
    await expect(activityEnvironment().run(failing(error))).rejects.toMatchObject({ type, nonRetryable });
  });

  it('of a NUT server with the wrong certificate is one of trust', () => {
    const details = { type: 'NutCertificate', class: 'config', outcome: 'refused' } as const;
    expect(isTrustError(new NutError('192.0.2.1:3493', 'not the pinned one', details))).toBe(true);
  });

  it('turns a wrong input into InvalidInput, which names the field', async () => {
    const problem = {
      field: 'nodes[0]',
      message: 'is pve9, which is not a configured node',
      remedy: 'Configured: pve1.',
    };
    const { loadRollSettings } = activitiesOver(
      fakeDeps({
        settings: () => {
          throw new InputError([problem]);
        },
      }),
    );
    await expect(activityEnvironment().run(loadRollSettings, {})).rejects.toMatchObject({
      type: 'InvalidInput',
      nonRetryable: true,
      message: 'nodes[0] is pve9, which is not a configured node. Configured: pve1.',
    });
  });

  it('passes its own failures and unknown errors on as they are', async () => {
    const own = ApplicationFailure.nonRetryable('mine', 'GuestMoveFailed');
    await expect(activityEnvironment().run(failing(own), undefined)).rejects.toBe(own);
    const bug = new TypeError('x is not a function');
    await expect(activityEnvironment().run(failing(bug), undefined)).rejects.toBe(bug);
  });
});

describe('waiting for the world', () => {
  const options = { what: 'rain', intervalMs: 1, errorType: 'RejoinFailed', remedy: 'Dance.' } as const;

  it('ends with a cancellation, between two looks', async () => {
    const environment = activityEnvironment();
    const waiting = environment.run(
      guarded(() =>
        awaitWorld({
          ...options,
          within: '1 minute',
          look: () => {
            environment.cancel();
            return Promise.resolve({ waitingFor: 'clouds' });
          },
        }),
      ),
    );
    await expect(waiting).rejects.toBeInstanceOf(CancelledFailure);
  });

  it('hands the cancellation to a call that is under way', async () => {
    const environment = activityEnvironment();
    const call = () =>
      new Promise<never>((_, reject) => {
        cancellationSignal().addEventListener('abort', () => reject(cancellationSignal().reason as Error));
        environment.cancel();
      });
    await expect(
      environment.run(guarded(() => awaitWorld({ ...options, within: '1 minute', look: call }))),
    ).rejects.toBeInstanceOf(CancelledFailure);
  });

  it('counts its time from the first attempt, and looks once even when it is over', async () => {
    const yesterday = { scheduledTimestampMs: Date.now() - 86_400_000, attempt: 2 };
    const look = (found: boolean) => () => Promise.resolve(found ? { found: 'rain' } : { waitingFor: 'clouds' });
    const wait = (found: boolean) =>
      activityEnvironment(yesterday).run(
        guarded(() => awaitWorld({ ...options, within: '1 hour', look: look(found) })),
      );
    expect(await wait(true)).toBe('rain');
    await expect(wait(false)).rejects.toMatchObject({ message: 'Waited 1 hour for rain: clouds. Dance.' });
  });

  it('takes a failure that may pass for one more thing to wait for, and no other', async () => {
    let looks = 0;
    const look = () => {
      looks += 1;
      return looks === 1 ? Promise.reject(clientError('unknown', 'lost')) : Promise.resolve({ found: looks });
    };
    expect(await activityEnvironment().run(guarded(() => awaitWorld({ ...options, within: '1 minute', look })))).toBe(
      2,
    );
    const refused = () => Promise.reject(clientError('refused', 'never'));
    await expect(
      activityEnvironment().run(guarded(() => awaitWorld({ ...options, within: '1 minute', look: refused }))),
    ).rejects.toMatchObject({ type: 'RemoteRefused' });
  });
});
