import { describe, expect, it } from 'vitest';
import { activitiesOver, activityEnvironment, answered, clientError, fakeDeps } from '../helpers/fake-deps.ts';

const BOOT_ID = '5d3f1c0a-8a44-4b0f-9a53-2f6f0c1f7e10';
/** A container before and after: only the start of its init differs. */
const OLD = `${BOOT_ID}/2453918`;
const NEW = `${BOOT_ID}/2461007`;

/** A host that shows one boot after the other, look by look, the last one for ever; null: it does not answer. */
function aHostThatShows(...boots: (string | null)[]) {
  const requests: string[] = [];
  const exec = (_: string, line: string) => {
    if (line.includes('systemctl reboot')) {
      requests.push(line);
      return answered('');
    }
    const boot = boots.length > 1 ? boots.shift() : boots[0];
    if (typeof boot !== 'string') throw clientError('retryable', 'SSH to root@pihole-1: connection refused');
    return answered(`${boot}\n`);
  };
  return { requests, exec };
}

function reboot(
  exec: ReturnType<typeof aHostThatShows>['exec'],
  { within = '1 minute', heartbeatDetails }: { within?: '1 minute' | '50 ms'; heartbeatDetails?: unknown } = {},
) {
  const { rebootHost } = activitiesOver(fakeDeps({ exec }));
  const environment = activityEnvironment(heartbeatDetails === undefined ? {} : { heartbeatDetails });
  return environment.run(rebootHost, { host: 'pihole-1', boot: OLD, within });
}

describe('rebooting a host', () => {
  it('asks once, waits through the time it is down, and tells the new boot and how long nothing answered', async () => {
    const { requests, exec } = aHostThatShows(OLD, null, null, NEW);
    expect(await reboot(exec)).toEqual({ boot: NEW, downSeconds: expect.any(Number) as number });
    expect(requests).toHaveLength(1);
  });

  it('asks for nothing when the boot has ended already, and does not make up how long it was down', async () => {
    const { requests, exec } = aHostThatShows(NEW);
    expect(await reboot(exec)).toEqual({ boot: NEW, downSeconds: null });
    expect(requests).toEqual([]);
  });

  it('measures on from what a lost worker has seen', async () => {
    const lastSeen = Date.now() - 90_000;
    const { exec } = aHostThatShows(NEW);
    const { downSeconds } = await reboot(exec, { heartbeatDetails: { lastSeen, wentDown: true, waitingFor: '…' } });
    expect(downSeconds).toBeGreaterThanOrEqual(90);
  });

  it('does not take an answer without a boot for another boot', async () => {
    const { exec } = aHostThatShows(OLD, '', BOOT_ID, NEW);
    expect(await reboot(exec)).toMatchObject({ boot: NEW });
  });

  it('asks again when a request shows no effect for long', async () => {
    const { requests, exec } = aHostThatShows(...Array.from({ length: 31 }, () => OLD), NEW);
    await reboot(exec);
    expect(requests).toHaveLength(2);
  });

  it.each([
    ['never goes down', [OLD], /still up with its old boot id.*molly-guard/],
    ['goes down and stays away', [OLD, null], /is down or does not answer/],
    ['answers again unrebooted', [OLD, null, OLD], /answers again with its old boot id/],
  ] as const)('says what was seen of a host that %s', async (_, boots, words) => {
    await expect(reboot(aHostThatShows(...boots).exec, { within: '50 ms' })).rejects.toMatchObject({
      type: 'RebootNotProven',
      nonRetryable: true,
      message: expect.stringMatching(words) as string,
    });
  });
});
