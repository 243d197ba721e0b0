import { z } from 'zod';
import {
  FAILURE_ACTIONS,
  whyUnsafe,
  type FailureAction,
  type FailureClass,
  type FailureResponse,
} from '../domain/decision.ts';
import type { FailurePolicy } from '../domain/policy.ts';
import { duration } from './formats.ts';

export const DEFAULT_FAILURE_POLICY: FailurePolicy = {
  refused: 'stop',
  guestMove: 'stop',
  guestShutdown: 'stop',
  haMove: 'stop',
  upgrade: 'stop',
  reboot: 'stop',
  rejoin: 'stop',
  retries: 3,
  pause: '2 minutes',
  unanswered: 'stop',
};

export const failureFields = {
  refused: response(
    'refused',
    'A node is refused when its turn comes, such as for a guest that is locked by a backup. Nothing was touched on it.',
  ),
  guestMove: response('guestMove', 'A guest did not move away.'),
  guestShutdown: response('guestShutdown', 'A guest ignored its shutdown. It is never killed.'),
  haMove: response('haMove', 'The HA manager did not move its guests away in time.'),
  upgrade: response('upgrade', 'The package upgrade failed.'),
  reboot: response('reboot', 'A node did not prove its reboot in time. `retry` waits once more.'),
  rejoin: response('rejoin', 'A node came back, but not as a full member. `retry` waits once more.'),
  retries: z
    .int()
    .min(1)
    .max(20)
    .describe(
      'How often `retry` tries again before the run stops, and how often a guest that did not go home is tried again.',
    ),
  pause: duration.describe('Time between two tries.'),
  unanswered: z
    .enum(['stop', 'skip-node'])
    .describe(
      'What counts as chosen when nobody answers within `timeouts.decision`: `stop`, or `skip-node` where that can be chosen.',
    ),
} satisfies Record<keyof FailurePolicy, z.ZodType>;

/** One of the responses that are safe for a kind of trouble; another one is refused with the reason. */
function response(about: FailureClass, description: string): z.ZodType<FailureResponse> {
  const allowed: readonly FailureResponse[] = [...FAILURE_ACTIONS[about], 'ask'];
  return z
    .custom<FailureResponse>((value) => allowed.some((each) => each === value), {
      error: ({ input }) => {
        const reason = isAction(input) ? whyUnsafe(about, input) : null;
        return reason === null
          ? `must be one of ${allowed.join(', ')}`
          : `must not be ${String(input)}, because ${reason}`;
      },
      params: { remedy: `Use one of: ${allowed.join(', ')}.` },
    })
    .meta({ enum: allowed })
    .describe(description);
}

function isAction(value: unknown): value is FailureAction {
  return Object.values(FAILURE_ACTIONS).some((actions) => actions.some((action) => action === value));
}
