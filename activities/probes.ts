import { cancellationSignal, sleep } from '@temporalio/activity';
import { httpGet } from '../clients/http/get.ts';
import { resolveBy } from '../clients/probe/dns.ts';
import { tcpConnect } from '../clients/probe/tcp.ts';
import { firingAlerts, type FiringAlert } from '../clients/prometheus/alerts.ts';
import { toMilliseconds } from '../domain/duration.ts';
import { isShellProbe, type Probe, type ProbeResult } from '../domain/probe.ts';
import type { ActivityDeps } from './deps.ts';
import { NotWell } from './not-well.ts';
import { askShell } from './shell-probes.ts';

const MAX_BODY = 1024 * 1024;

export interface CheckProbesInput {
  readonly probes: readonly Probe[];
  /** How often a probe that fails is asked before it counts as failing. */
  readonly tries: number;
  /** Host of the inventory whose shell is asked where a probe needs one. */
  readonly host?: string;
}

const DNS_PORT = 53;

export function createProbeActivities(deps: ActivityDeps) {
  return {
    /**
     * Asks all probes side by side, those of a shell in turn. It fails for none of them: what gives no answer is a result
     * that is not ok.
     */
    checkProbes({ probes, tries, host }: CheckProbesInput): Promise<ProbeResult[]> {
      const asker = { ...deps, host };
      // Each of these is a login. sshd refuses some of those that come all at once (MaxStartups).
      let last: Promise<unknown> = Promise.resolve();
      const inTurn = (probe: Probe) => {
        const mine = last.then(() => checkUntilOk(asker, probe, tries));
        last = mine.catch(() => undefined);
        return mine;
      };
      return Promise.all(
        probes.map((probe) => (isShellProbe(probe) ? inTurn(probe) : checkUntilOk(asker, probe, tries))),
      );
    },
  };
}

type Asker = ActivityDeps & { readonly host: string | undefined };

async function checkUntilOk(deps: Asker, probe: Probe, tries: number): Promise<ProbeResult> {
  for (let left = tries; ; left--) {
    const result = await check(deps, probe);
    if (result.ok || left <= 1) return result;
    await sleep(deps.polling.intervalMs);
  }
}

async function check(deps: Asker, probe: Probe): Promise<ProbeResult> {
  const signal = cancellationSignal();
  try {
    return { name: probe.name, ok: true, detail: await ask(deps, probe, signal) };
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    const ailing = error instanceof NotWell && error.ailing !== undefined ? { ailing: error.ailing } : {};
    return { name: probe.name, ok: false, detail, ...ailing };
  }
}

/** What a probe that is well shows; throws what is wrong. */
async function ask(deps: Asker, probe: Probe, signal: AbortSignal): Promise<string> {
  if (isShellProbe(probe)) {
    if (deps.host === undefined) throw new NotWell(`a probe of kind ${probe.kind} needs a host whose shell is asked`);
    return askShell(deps.hostShell(deps.host), probe, signal);
  }
  const timeoutMs = toMilliseconds(probe.timeout);
  // The configuration has been checked: each kind has what it needs.
  const { host = '', port = 0, url = '' } = probe;
  if (probe.kind === 'tcp') {
    await tcpConnect({ host, port, timeoutMs, signal });
    return `${host}:${port} takes connections`;
  }
  if (probe.kind === 'dns') {
    const { query = '' } = probe;
    const addresses = await resolveBy({ host, port: probe.port ?? DNS_PORT, query, timeoutMs, signal });
    return `${host} resolves ${query} to ${addresses.join(', ')}`;
  }
  const headers = probe.credentials === undefined ? {} : await deps.authorization(probe.credentials, url);
  if (probe.kind === 'http') {
    return judgeAnswer(probe, await httpGet(url, { headers, timeoutMs, maxBytes: MAX_BODY, signal }));
  }
  return judgeAlerts(probe, await firingAlerts(url, { headers, timeoutMs, signal }));
}

function judgeAnswer({ expectStatus = 200, expectText }: Probe, answer: { status: number; body: string }): string {
  if (answer.status !== expectStatus)
    throw new NotWell(`answered with status ${answer.status} instead of ${expectStatus}`);
  if (expectText !== undefined && !answer.body.includes(expectText)) {
    throw new NotWell(`the answer does not hold "${expectText}"`);
  }
  return `answered with status ${answer.status}`;
}

function judgeAlerts({ ignoreAlerts = [], severity }: Probe, firing: readonly FiringAlert[]): string {
  const ignored = ignoreAlerts.map((pattern) => new RegExp(`^(?:${pattern})$`));
  const counting = firing.filter(
    (alert) =>
      !ignored.some((pattern) => pattern.test(alert.name)) &&
      // An alert without a severity is of no known one, so it counts.
      (severity === undefined || alert.severity === null || severity.includes(alert.severity)),
  );
  if (counting.length === 0) return 'no alert fires';
  const names = counting.map(({ name, instance }) => (instance === null ? name : `${name} on ${instance}`));
  throw new NotWell(`${counting.length === 1 ? 'an alert fires' : `${counting.length} alerts fire`}: ${listed(names)}`);
}

/** A storm of alerts is told by its first few. */
function listed(names: readonly string[]): string {
  const first = [...names].sort().slice(0, 5).join(', ');
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}
