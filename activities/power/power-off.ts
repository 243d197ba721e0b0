import { activityInfo } from '@temporalio/activity';
import { sh } from '../../clients/ssh/index.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { Act, NodeOff, PowerGate } from '../../domain/outage.ts';
import type { Look } from '../await-world.ts';
import { NoClearAnswer, report } from '../guard.ts';
import { ANSWER_MS, ask, mayBeDone } from './ask.ts';
import { budgetOf, lookWithin } from './budget.ts';
import type { PowerDeps } from './deps.ts';
import { mayActOf } from './fresh-sample.ts';
import { isOnlineForOthers, othersApi, ownApi, signIn, signOfApi, signOfSsh, type Sign } from './signs-of-life.ts';

export interface ShutDownNodeInput {
  readonly node: string;
  readonly gate: PowerGate;
}

export interface AwaitNodeOffInput {
  readonly node: string;
  readonly within: Duration;
  /** Of the boot that was told to shut down, for who wants to wake the node: one in another boot has been off since. */
  readonly bootId?: string | null;
}

/** Looks in a row that find a node silent. */
const SILENT_LOOKS = 3;

/** The same when its system still refuses connections and no other node is there to ask: half a minute at the usual pace. */
const REFUSING_LOOKS = 15;

export function createPowerOffActivities(deps: PowerDeps) {
  return {
    /**
     * Tells a node to shut down: by its own API, else by that of another node, else over SSH. `done` says that it was
     * told, or that it is off or on its way by the word of another; `awaitNodeOff` proves it. A node that is silent while
     * nobody else can be asked may run behind a switch that died: it could not be told. Telling a node twice is telling it
     * once. Sources: `POST /nodes/{node}/status`, systemctl(1).
     */
    async shutDownNode({ node, gate }: ShutDownNodeInput): Promise<Act> {
      const mayAct = mayActOf(deps, gate);
      const forbidden = await mayAct();
      if (forbidden !== null) return (await toldBefore(deps, node)) ?? forbidden;
      const [boot, api] = await Promise.all([ask((signal) => readBootId(deps, node, signal)), signOfApi(deps, node)]);
      const silent =
        api === 'silent' && signIn(boot) !== 'answers' ? await whatIsSilent(deps, node, signIn(boot)) : null;
      if (silent !== null) return silent;
      if (gate.rehearsal) return { outcome: 'done', words: `would shut down ${node}` };
      return tell(node, waysToShutDown(deps, node, 'value' in boot ? boot.value : null), mayAct);
    },

    /**
     * Waits until a node is off. It is certain when its BMC says so, or when its API and SSH have been silent for some looks
     * in a row and no other node counts it online; one whose BMC says that it is on is not off, however silent. A node that
     * has come up again by itself was off, too, where the boot before is known.
     */
    async awaitNodeOff({ node, within, bootId = null }: AwaitNodeOffInput): Promise<NodeOff> {
      let silent = 0;
      const look = await lookWithin(
        budgetOf(toMilliseconds(within)),
        deps.polling.intervalMs,
        async (): Promise<Look<string>> => {
          const seen = await lookAtNode(deps, node);
          if (!seen.isSilent && bootId !== null && (await isInAnotherBoot(deps, node, bootId))) {
            return { found: 'it was off, and has been started again since' };
          }
          silent = seen.isSilent ? silent + 1 : 0;
          return judge(seen, silent);
        },
      );
      return 'found' in look
        ? { off: 'verified', words: look.found }
        : { off: 'unverified', words: `not certain within ${within}: ${look.waitingFor}` };
    },
  };
}

/** A heartbeat of an attempt that may have told the node, for one that comes after it. */
interface Memory {
  readonly told: true;
}

/** What becomes of a node that answers nowhere; null: others count it online and can tell it. */
async function whatIsSilent(deps: PowerDeps, node: string, ssh: Sign): Promise<Act | null> {
  const online = await isOnlineForOthers(deps, node);
  if (online === true) return null;
  const words = `${node} answers neither by its API nor over SSH`;
  const isGoing = online === false || ssh === 'refused' || wasTold() || (await isOffByBmc(deps, node));
  if (isGoing) return { outcome: 'done', words: `${words}: it is off, or on its way` };
  return { outcome: 'failed', words: `${words}, and no other node is there to ask: it may still be on` };
}

function wasTold(): boolean {
  return (activityInfo().heartbeatDetails as Memory | undefined)?.told === true;
}

async function isOffByBmc(deps: PowerDeps, node: string): Promise<boolean> {
  const bmc = deps.power.bmc(node);
  if (bmc === null) return false;
  const power = await ask((signal) => bmc.power({ signal }));
  return 'value' in power && power.value === 'off';
}

interface Way {
  /** Completes `… took it`. */
  readonly name: string;
  tell(signal: AbortSignal): Promise<unknown>;
}

/**
 * A call of the API names no boot. What keeps it from ending the boot of a node that was just turned on again is the look
 * at the UPS right before it: nodes are turned on when the mains are back. It travels on a connection of its own, made
 * after that look and given up after some seconds, so that it cannot arrive late either.
 */
function waysToShutDown(deps: PowerDeps, node: string, bootId: string | null): Way[] {
  return [
    { name: 'its API', tell: (signal) => ownApi(deps, node, signal).shutdownNode(node) },
    { name: 'the API of another node', tell: (signal) => othersApi(deps, node, signal).shutdownNode(node) },
    ...(bootId === null ? [] : [{ name: 'SSH', tell: (signal: AbortSignal) => powerOff(deps, node, bootId, signal) }]),
  ];
}

async function tell(node: string, ways: readonly Way[], mayAct: () => Promise<Act | null>): Promise<Act> {
  const troubles: string[] = [];
  let mayBeTold = false;
  for (const way of ways) {
    const forbidden = await mayAct();
    if (forbidden !== null && !mayBeTold) return forbidden;
    if (forbidden !== null) break;
    report({ told: true } satisfies Memory);
    const answer = await ask((signal) => way.tell(signal));
    if ('value' in answer) return { outcome: 'done', words: `${node} was told to shut down: ${way.name} took it` };
    troubles.push(`${way.name}: ${answer.trouble.message}`);
    // Then the node counts as one that goes down.
    mayBeTold ||= mayBeDone(answer.trouble);
  }
  const words = troubles.join('; ');
  if (mayBeTold) return { outcome: 'done', words: `${node} was told to shut down and may have taken it (${words})` };
  return { outcome: 'failed', words: `${node} could not be told to shut down (${words})` };
}

/**
 * An attempt that has died may have told the node: one that goes down is not up because the mains are back. Source:
 * systemctl(1), `is-system-running`.
 */
async function toldBefore(deps: PowerDeps, node: string): Promise<Act | null> {
  if (activityInfo().attempt === 1) return null;
  const state = await ask((signal) =>
    deps.ssh(node).exec('systemctl is-system-running', { timeoutMs: ANSWER_MS, signal }),
  );
  const isSilent = signIn(state) !== 'answers' && (await signOfApi(deps, node)) === 'silent';
  const isStopping = 'value' in state && state.value.stdout.trim() === 'stopping';
  if (!isSilent && !isStopping) return null;
  return {
    outcome: 'done',
    words: `${node} was told to shut down before: it ${isStopping ? 'goes down' : 'is silent'}`,
  };
}

async function readBootId(deps: PowerDeps, node: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await deps.ssh(node).exec('cat /proc/sys/kernel/random/boot_id', { timeoutMs: ANSWER_MS, signal });
  const bootId = stdout.trim();
  if (bootId !== '') return bootId;
  throw new NoClearAnswer(`${node} does not say which boot it is in`);
}

async function isInAnotherBoot(deps: PowerDeps, node: string, bootId: string): Promise<boolean> {
  const boot = await ask((signal) => readBootId(deps, node, signal));
  return 'value' in boot && boot.value !== bootId;
}

/** The command compares the boot on the node itself, so one that arrives late can never end a later one. */
async function powerOff(deps: PowerDeps, node: string, bootId: string, signal: AbortSignal): Promise<void> {
  const line = sh`[ "$(cat /proc/sys/kernel/random/boot_id)" = ${bootId} ] && systemctl poweroff --no-block`;
  const { code, stderr } = await deps.ssh(node).exec(line, { timeoutMs: ANSWER_MS, signal });
  if (code !== 0) throw new NoClearAnswer(`exit code ${code ?? 'none'} ${stderr.trim()}`.trim());
}

interface NodeSeen {
  /** Null without a BMC that answers. */
  readonly bmc: 'on' | 'off' | null;
  readonly isSilent: boolean;
  readonly refuses: boolean;
  readonly onlineForOthers: boolean | null;
}

async function lookAtNode(deps: PowerDeps, node: string): Promise<NodeSeen> {
  const bmc = deps.power.bmc(node);
  const [power, api, ssh, onlineForOthers] = await Promise.all([
    bmc === null ? null : ask((signal) => bmc.power({ signal })),
    signOfApi(deps, node),
    signOfSsh(deps, node),
    isOnlineForOthers(deps, node),
  ]);
  return {
    bmc: power !== null && 'value' in power ? power.value : null,
    isSilent: api === 'silent' && ssh !== 'answers',
    refuses: ssh === 'refused',
    onlineForOthers,
  };
}

function judge({ bmc, isSilent, refuses, onlineForOthers }: NodeSeen, silentLooks: number): Look<string> {
  if (bmc === 'off') return { found: 'its BMC says that it is off' };
  if (!isSilent) return { waitingFor: 'it still answers' };
  if (bmc === 'on') return { waitingFor: 'it does not answer any more, but its BMC says that it is on' };
  if (onlineForOthers === true) return { waitingFor: 'it does not answer any more, but other nodes count it online' };
  const alone = onlineForOthers === null;
  if (silentLooks < (refuses && alone ? REFUSING_LOOKS : SILENT_LOOKS)) return { waitingFor: 'it to stay silent' };
  const evidence = alone ? 'no other node is there to ask' : 'the other nodes count it offline';
  return { found: `it answers neither by its API nor over SSH, and ${evidence}` };
}
