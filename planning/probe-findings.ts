import type { Finding } from '../domain/finding.ts';
import type { ProbeResult } from '../domain/probe.ts';
import { blocker } from './findings.ts';

/** A probe that fails before anything is touched could not tell afterwards whether the update did harm. */
export function failingProbes(results: readonly ProbeResult[]): Finding[] {
  return results
    .filter(({ ok }) => !ok)
    .map(({ name, detail }) =>
      blocker({
        code: 'probe-failing',
        node: null,
        message: `the probe "${name}" fails before anything is touched: ${detail}`,
        evidence: name,
        remedy: 'mend what it looks at, or take it out of rollingUpdate.probes',
      }),
    );
}

/** What fails now and did not before; a probe whose failure was overridden has nothing new to tell. */
export function regressions(results: readonly ProbeResult[], before: readonly Finding[]): ProbeResult[] {
  const known = new Set(before.filter(({ code }) => code === 'probe-failing').map(({ evidence }) => evidence));
  return results.filter(({ name, ok }) => !ok && !known.has(name));
}
