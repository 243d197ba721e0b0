import { tcpConnect } from '../../clients/probe/tcp.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { Act, Door } from '../../domain/outage.ts';
import { ask } from './ask.ts';
import { budgetOf, lookWithin } from './budget.ts';
import type { PowerDeps } from './deps.ts';

export interface AwaitDoorsInput {
  readonly doors: readonly Door[];
  readonly within: Duration;
}

export function createDoorActivities({ polling }: PowerDeps) {
  return {
    /** Waits until TCP services answer, all of them in the same look. */
    async awaitDoors({ doors, within }: AwaitDoorsInput): Promise<Act> {
      const look = await lookWithin(budgetOf(toMilliseconds(within)), polling.intervalMs, async () => {
        const closed = (await Promise.all(doors.map(whyClosed))).filter((why) => why !== null);
        return closed.length === 0 ? { found: true } : { waitingFor: closed.join(', ') };
      });
      if ('found' in look) return { outcome: 'done', words: `${namesOf(doors)} answered` };
      return { outcome: 'failed', words: `no answer within ${within}: ${look.waitingFor}` };
    },
  };
}

const DOOR_MS = 3_000;

async function whyClosed({ name, host, port }: Door): Promise<string | null> {
  const answer = await ask((signal) => tcpConnect({ host, port, timeoutMs: DOOR_MS, signal }));
  return 'value' in answer ? null : `${name} (${host}:${port}: ${answer.trouble.message})`;
}

function namesOf(doors: readonly Door[]): string {
  return doors.map(({ name }) => name).join(', ') || 'nothing to wait for';
}
