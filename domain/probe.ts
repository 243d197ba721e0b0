import type { Duration } from './duration.ts';

/** A question to a service that says whether all is well; no answer is a bad answer. */
export interface Probe {
  /** For people; its own among the probes of a policy. */
  readonly name: string;
  /** `tcp`: a connection is taken; `http`: the expected answer comes; `prometheus`: no alert fires. */
  readonly kind: 'tcp' | 'http' | 'prometheus';
  /** tcp. */
  readonly host?: string;
  readonly port?: number;
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

export interface ProbeResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, for people. */
  readonly detail: string;
}
