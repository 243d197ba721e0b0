import type { FleetSettings, HostSettings, PatchOverrides, PatchPolicy, WeeklySettings } from '../domain/patch.ts';
import type { InventoryHost } from '../domain/host.ts';
import type { Probe } from '../domain/probe.ts';
import { nearest } from './did-you-mean.ts';
import { InputError } from './errors.ts';
import type { HostConfig } from './hosts-schema.ts';
import { DEFAULT_FLEET_POLICY, patchOverridesSchema } from './patch-schema.ts';
import { explainIssues } from './problems.ts';
import type { Config } from './schema.ts';
import { withoutUndefined } from './without-undefined.ts';

/** Input of `patchHost`, `patchFleet` and `weeklyUpdates` as it came; nothing is known about it yet. */
export interface PatchRequest {
  readonly host?: unknown;
  readonly name?: unknown;
  readonly policy?: unknown;
}

/**
 * Everything that the patching of one host goes by.
 *
 * @throws {InputError} that names every wrong field and what to do.
 */
export function hostSettingsFor(config: Config, { host: name, policy }: PatchRequest): HostSettings {
  const overrides = checkedOverrides(policy);
  const host = config.hosts.find((each) => each.name === name);
  if (!host)
    throw unknownName(
      'host',
      name,
      config.hosts.map((each) => each.name),
    );
  return {
    cluster: config.cluster.name,
    host: inventoryHost(host),
    exempt: host.exempt ?? null,
    partners: partnersOf(host.name, config),
    policy: policyOf(config, host, overrides),
  };
}

/**
 * Everything that the patching of a group, or of one host by its name, goes by.
 *
 * @throws {InputError} that names every wrong field and what to do.
 */
export function fleetSettingsFor(config: Config, { name, policy }: PatchRequest): FleetSettings {
  const overrides = checkedOverrides(policy);
  const { hosts, patching, cluster } = config;
  const members = hosts.filter((host) => host.name === name || host.groups.some((group) => group === name));
  if (typeof name !== 'string' || members.length === 0) {
    throw unknownName('name', name, [...new Set(hosts.flatMap((host) => [host.name, ...host.groups]))]);
  }
  const { serial, continueOnError, maxFailures } =
    patching.groups.find((group) => group.name === name) ?? DEFAULT_FLEET_POLICY;
  const { lease, workerLost } = { ...patching.timeouts, ...overrides.timeouts };
  return {
    cluster: cluster.name,
    name,
    hosts: members.map((host) => host.name),
    policy: { serial, continueOnError, maxFailures },
    neverTogether: patching.neverTogether,
    windows: patching.windows,
    timeZone: patching.timeZone,
    expected: patching.expected,
    dryRun: overrides.dryRun ?? false,
    timeouts: { lease, workerLost },
  };
}

/** @throws {InputError} that names every wrong field and what to do. */
export function weeklySettingsFor(config: Config, { policy }: PatchRequest): WeeklySettings {
  const overrides = checkedOverrides(policy);
  const { weekly, timeouts } = config.patching;
  if (weekly.length === 0) {
    throw new InputError([
      {
        field: 'patching.weekly',
        message: 'names no group',
        remedy: 'Write the groups there, such as [lxc, docker-vms].',
      },
    ]);
  }
  const { lease, workerLost } = { ...timeouts, ...overrides.timeouts };
  return {
    cluster: config.cluster.name,
    groups: weekly,
    dryRun: overrides.dryRun ?? false,
    timeouts: { lease, workerLost },
  };
}

export function inventoryHost({ name, vmid, kind }: HostConfig): InventoryHost {
  return { name, vmid: vmid ?? null, kind: kind === undefined ? null : kind === 'vm' ? 'qemu' : 'lxc' };
}

function policyOf({ patching }: Config, host: HostConfig, overrides: PatchOverrides): PatchPolicy {
  const own = withoutUndefined(host.patching);
  const given = withoutUndefined(overrides);
  const merged = { ...patching, ...own, ...given };
  return {
    dryRun: given.dryRun ?? false,
    autoReboot: merged.autoReboot,
    rebootPause: merged.rebootPause,
    announceReboot: merged.announceReboot,
    backupWithin: merged.backupWithin,
    snapshot: merged.snapshot,
    keepSnapshot: merged.keepSnapshot,
    rollBack: merged.rollBack,
    probes: [...patching.probes, ...(own.probes ?? [])].map((probe) => addressed(probe, host)),
    settle: merged.settle,
    listsValidFor: merged.listsValidFor,
    cleanUp: merged.cleanUp,
    timeouts: {
      ...patching.timeouts,
      ...withoutUndefined(own.timeouts ?? {}),
      ...withoutUndefined(given.timeouts ?? {}),
    },
  };
}

/** A probe of a service that names no address asks the host itself. */
function addressed(probe: Probe, { address }: HostConfig): Probe {
  return (probe.kind === 'tcp' || probe.kind === 'dns') && probe.host === undefined
    ? { ...probe, host: address }
    : probe;
}

function partnersOf(name: string, { hosts, patching }: Config): string[] {
  const among = patching.neverTogether.filter((group) => group.includes(name)).flat();
  return hosts
    .filter((host) => host.name !== name && host.exempt === undefined && among.includes(host.name))
    .map((host) => host.name);
}

function checkedOverrides(input: unknown): PatchOverrides {
  const parsed = patchOverridesSchema.safeParse(input ?? {});
  if (parsed.success) return parsed.data as PatchOverrides;
  throw new InputError(explainIssues(parsed.error.issues, patchOverridesSchema, { value: input, name: 'policy' }));
}

function unknownName(field: string, name: unknown, known: readonly string[]): InputError {
  const guess = typeof name === 'string' ? nearest(name, known) : null;
  const message = typeof name === 'string' ? `is ${name}, which the configuration does not have` : 'is missing';
  const remedy =
    guess === null ? `Write one of: ${known.join(', ') || 'none is configured'}.` : `Did you mean ${guess}?`;
  return new InputError([{ field, message, remedy }]);
}
