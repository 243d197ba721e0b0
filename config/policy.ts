import type { Policy, RollSettings } from '../domain/policy.ts';
import { InputError, type Problem } from './errors.ts';
import { policyOverridesSchema } from './policy-schema.ts';
import { explainIssues } from './problems.ts';
import type { Config } from './schema.ts';
import { withoutUndefined } from './without-undefined.ts';
import { checkNodeSelection, lacksTimeZone, MISSING_TIME_ZONE } from './validate.ts';

/**
 * The policy of a run: `base` with the parts that its input overrides. Groups are merged key by key, so an input with
 * one timeout keeps the others; `overrides` is added to; `nodes` and `guests.rules` are replaced as a whole.
 *
 * @param overrides Input of the workflow as it came; nothing is known about it yet. Absent: no override.
 * @param configured Names of the nodes that may be updated.
 * @throws {InputError} that names every wrong field and what to do.
 */
export function mergePolicy(base: Policy, overrides: unknown, configured: readonly string[]): Policy {
  const input = overrides ?? {};
  const parsed = policyOverridesSchema.safeParse(input);
  if (!parsed.success) {
    throw new InputError(
      explainIssues(parsed.error.issues, policyOverridesSchema, { value: input, name: 'The input' }),
    );
  }
  const { guests, onFailure, timeouts, expected, ...rest } = withoutUndefined(parsed.data);
  const problems = findUnknownNodes(rest.nodes ?? [], configured);
  if (problems.length > 0) throw new InputError(problems);
  if (lacksTimeZone({ ...base, ...rest })) throw new InputError([{ field: 'timeZone', ...MISSING_TIME_ZONE }]);
  return {
    ...base,
    ...rest,
    overrides: [...new Set([...base.overrides, ...(rest.overrides ?? [])])],
    guests: {
      default: guests?.default ?? base.guests.default,
      overrides: { ...base.guests.overrides, ...guests?.overrides },
      rules: guests?.rules ?? base.guests.rules,
    },
    onFailure: { ...base.onFailure, ...withoutUndefined(onFailure ?? {}) },
    timeouts: { ...base.timeouts, ...withoutUndefined(timeouts ?? {}) },
    expected: { ...base.expected, ...withoutUndefined(expected ?? {}) },
  };
}

/**
 * Everything that a run goes by: the configuration with the run's input merged in.
 *
 * @throws {InputError} that names every wrong field and what to do.
 */
export function settingsFor(config: Config, input: unknown): RollSettings {
  const nodes = config.cluster.nodes.map((node) => node.name);
  const policy = mergePolicy(config.rollingUpdate, input, nodes);
  const problems = findUnknownCredentials(policy, config);
  if (problems.length > 0) throw new InputError(problems);
  return { cluster: config.cluster.name, nodes, orchestratorGuest: config.orchestrator.guest ?? null, policy };
}

function findUnknownCredentials({ probes }: Policy, config: Config): Problem[] {
  const known = config.credentials.map(({ name }) => name);
  return probes.flatMap(({ credentials }, index) => {
    if (credentials === undefined || known.includes(credentials)) return [];
    const message = `is ${credentials}, which the configuration does not have`;
    const remedy = `Add it to credentials. Configured: ${known.join(', ') || 'none'}.`;
    return [{ field: `probes[${index}].credentials`, message, remedy }];
  });
}

function findUnknownNodes(selected: readonly string[], configured: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  checkNodeSelection(selected, configured, (index, message, remedy) =>
    problems.push({ field: `nodes[${index}]`, message, remedy }),
  );
  return problems;
}
