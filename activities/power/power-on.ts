import { activityInfo } from '@temporalio/activity';
import { sendMagicPacket, type Bmc } from '../../clients/wake/index.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { Act } from '../../domain/outage.ts';
import { ask, mayBeDone } from './ask.ts';
import { budgetOf, lookWithin } from './budget.ts';
import type { PowerDeps } from './deps.ts';
import { isApiUp, othersApi } from './signs-of-life.ts';

export interface WakeNodeInput {
  readonly node: string;
  readonly within: Duration;
  readonly rehearsal: boolean;
}

/** So many packets are sent, one in so many looks: every ten seconds at the usual pace. */
const PACKETS = 3;
const LOOKS_BETWEEN_PACKETS = 5;

/** Milliseconds for a command to a BMC, which may be asked several times before it answers. */
const BMC_MS = 25_000;

export function createPowerOnActivities(deps: PowerDeps) {
  return {
    /**
     * Turns a node on and waits until its API answers: by its BMC, else by magic packets, our own and those of a node that
     * runs. Sources: IPMI `chassis power`, `POST /nodes/{node}/wakeonlan`.
     */
    async wakeNode({ node, within, rehearsal }: WakeNodeInput): Promise<Act> {
      const budget = budgetOf(toMilliseconds(within));
      const bmc = deps.power.bmc(node);
      // In a rehearsal every node is up.
      if (rehearsal)
        return { outcome: 'done', words: `would turn ${node} on ${bmc ? 'by its BMC' : 'by magic packets'}` };
      if (await isApiUp(deps, node)) return { outcome: 'done', words: `${node} was up` };
      const waker = createWaker(deps, node, bmc);
      const look = await lookWithin(budget, deps.polling.intervalMs, async () => {
        const state = await waker.wake();
        return (await isApiUp(deps, node)) ? { found: true } : { waitingFor: state };
      });
      if ('found' in look) return { outcome: 'done', words: `${node} is up: ${waker.how()}` };
      return { outcome: 'failed', words: `${node} did not come up within ${within}: ${look.waitingFor}` };
    },

    /** Waits until the API of a node answers that may be booting; wakes nobody. */
    async awaitNodeUp({ node, within }: { readonly node: string; readonly within: Duration }): Promise<Act> {
      const look = await lookWithin(budgetOf(toMilliseconds(within)), deps.polling.intervalMs, async () =>
        (await isApiUp(deps, node)) ? { found: true } : { waitingFor: 'its API does not answer' },
      );
      if ('found' in look) return { outcome: 'done', words: `${node} is up` };
      return { outcome: 'failed', words: `${node} did not come up within ${within}: ${look.waitingFor}` };
    },

    /**
     * Cuts the power of a node that hangs, and turns it on again, by its BMC. A node whose API answers is left alone. It is
     * done once: an attempt that follows another cannot know how far that one came.
     */
    async cycleNode({ node }: { readonly node: string }): Promise<Act> {
      const bmc = deps.power.bmc(node);
      if (bmc === null) return { outcome: 'failed', words: `${node} has no BMC (power.nodes)` };
      if (activityInfo().attempt > 1) return { outcome: 'done', words: `${node} may have been power-cycled before` };
      if (await isApiUp(deps, node)) return { outcome: 'failed', words: `${node} answers: it is left alone` };
      const power = await ask((signal) => bmc.power({ signal }), BMC_MS);
      if ('trouble' in power) return { outcome: 'failed', words: power.trouble.message };
      const isOn = power.value === 'on';
      const answer = await ask((signal) => (isOn ? bmc.cycle({ signal }) : bmc.turnOn({ signal })), BMC_MS);
      if ('trouble' in answer) {
        const { trouble } = answer;
        return { outcome: mayBeDone(trouble) ? 'done' : 'failed', words: trouble.message };
      }
      return { outcome: 'done', words: isOn ? `${node} was power-cycled` : `${node} was off, and was turned on` };
    },
  };
}

interface Waker {
  /** Does what may help now, and says what is waited for. */
  wake(): Promise<string>;
  /** What was done so far. */
  how(): string;
}

function createWaker(deps: PowerDeps, node: string, bmc: Bmc | null): Waker {
  const done = new Set<string>();
  let looks = 0;
  let packets = 0;
  let waitingFor = 'its API does not answer yet';

  async function byPacket(): Promise<string> {
    if (looks++ % LOOKS_BETWEEN_PACKETS === 0 && packets < PACKETS) waitingFor = await sendPackets();
    return waitingFor;
  }

  async function sendPackets(): Promise<string> {
    const own = deps.power.wake(node);
    const [theirs, ours] = await Promise.all([
      ask((signal) => othersApi(deps, node, signal).wakeNode(node)),
      own === null ? null : ask(() => sendMagicPacket(own)),
    ]);
    if ('value' in theirs) done.add('another node sent it a magic packet');
    if (ours !== null && 'value' in ours) done.add('Caretaker sent it a magic packet');
    const troubles = [
      ...('trouble' in theirs ? [theirs.trouble.message] : []),
      ...(ours === null ? ['it has no MAC address in power.nodes'] : []),
      ...(ours !== null && 'trouble' in ours ? [ours.trouble.message] : []),
    ];
    if (troubles.length === 2) return `nothing can wake it (${troubles.join('; ')}). Turn it on by hand.`;
    packets += 1;
    return 'its API does not answer yet';
  }

  async function byBmc(controller: Bmc): Promise<string> {
    const before = await ask((signal) => controller.power({ signal }), BMC_MS);
    if ('value' in before && before.value === 'on') return 'its BMC says that it is on; its API does not answer yet';
    if ('value' in before) {
      const told = await ask((signal) => controller.turnOn({ signal }), BMC_MS);
      const after = await ask((signal) => controller.power({ signal }), BMC_MS);
      if ('value' in told) done.add('its BMC turned it on');
      if ('value' in after && after.value === 'on') return 'it was turned on; its API does not answer yet';
      const why = 'trouble' in told ? told.trouble.message : 'it says that it is off';
      return `its BMC does not turn it on: ${why}`;
    }
    // A magic packet does no harm, and may be heard where the BMC is not.
    const packet = deps.power.wake(node) === null ? '' : ` (magic packets: ${await byPacket()})`;
    return `${before.trouble.message}${packet}`;
  }

  return {
    wake: () => (bmc === null ? byPacket() : byBmc(bmc)),
    how: () => [...done].join(', ') || 'it came up by itself',
  };
}
