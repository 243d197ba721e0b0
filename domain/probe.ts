import type { Duration } from './duration.ts';

/** A question to a service that says whether all is well; no answer is a bad answer. */
export interface Probe {
  /** For people; its own among the probes of a policy. */
  readonly name: string;
  /**
   * `tcp`: a connection is taken; `http`: the expected answer comes; `dns`: a name is resolved; `prometheus`: no alert
   * fires. Those of {@link SHELL_PROBES} are asked of a host's own shell: `systemd`: a unit is active; `docker`: a
   * container runs and is not unhealthy; `command`: a command ends with 0.
   */
  readonly kind: 'tcp' | 'http' | 'dns' | 'prometheus' | 'systemd' | 'docker' | 'command';
  /** tcp, dns. */
  readonly host?: string;
  /** tcp; dns: 53 unless given. */
  readonly port?: number;
  /** dns: the name that is asked for. */
  readonly query?: string;
  /** systemd; absent: no unit has failed. */
  readonly unit?: string;
  /** docker; absent: every container that runs. */
  readonly container?: string;
  /** command: a line of sh. */
  readonly command?: string;
  /** http: what is fetched; prometheus: address of the server. */
  readonly url?: string;
  /** http: status code; 200 unless given. */
  readonly expectStatus?: number;
  /** http: text that the body holds. */
  readonly expectText?: string;
  /** prometheus: regular expressions for whole names of alerts that do not count. */
  readonly ignoreAlerts?: readonly string[];
  /** prometheus: only alerts with one of these values of the label `severity` count; all unless given. */
  readonly severity?: readonly string[];
  /** Name of an entry of `credentials` in the configuration. */
  readonly credentials?: string;
  /** Longest time for an answer. */
  readonly timeout: Duration;
}

/** Kinds that are asked of a host's own shell. */
export const SHELL_PROBES = ['systemd', 'docker', 'command'] as const;

export function isShellProbe({ kind }: Pick<Probe, 'kind'>): boolean {
  return SHELL_PROBES.some((each) => each === kind);
}

export interface ProbeResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, for people. */
  readonly detail: string;
  /** Where a probe looks at many things: the names of those that are not well. */
  readonly ailing?: readonly string[];
}
