import type { Config } from '../../config/schema.ts';
import { settingsFor } from '../../config/policy.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { CliError } from './terminal.ts';

/** Options of `plan` and `update` as commander hands them over. */
export interface PolicyFlags {
  readonly dryRun?: boolean;
  readonly reboot?: string;
  readonly approval?: string;
  readonly ignoreWindow?: boolean;
  readonly parallel?: string;
  readonly guest?: readonly string[];
  readonly override?: readonly string[];
}

/**
 * The input of a run from the command line, checked against the configuration before anything is started.
 *
 * @throws {CliError | InputError}
 */
export function overridesFrom(nodes: readonly string[], flags: PolicyFlags, config: Config): PolicyOverrides {
  const input = {
    ...(nodes.length > 0 && { nodes }),
    ...(flags.dryRun === true && { dryRun: true }),
    ...(flags.reboot !== undefined && { reboot: flags.reboot }),
    ...(flags.approval !== undefined && { approval: flags.approval }),
    ...(flags.ignoreWindow === true && { windows: [] }),
    ...(flags.parallel !== undefined && { parallelMigrations: wholeNumber(flags.parallel) }),
    ...((flags.guest ?? []).length > 0 && { guests: { overrides: treatments(flags.guest ?? []) } }),
    ...((flags.override ?? []).length > 0 && { overrides: flags.override }),
  };
  settingsFor(config, input);
  // settingsFor has just refused everything that is not a PolicyOverrides.
  return input as PolicyOverrides;
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new CliError(`--parallel must be a whole number, not ${text}. Write, for example, --parallel 2.`);
}

function treatments(flags: readonly string[]): Record<string, string> {
  return Object.fromEntries(flags.map(treatment));
}

function treatment(flag: string): [string, string] {
  const match = /^(\d+)=([a-z]+)$/.exec(flag);
  const [, vmid, how] = match ?? [];
  if (vmid !== undefined && how !== undefined) return [vmid, how];
  throw new CliError(`--guest must be vmid=treatment, not ${flag}. Write, for example, --guest 210=shutdown.`);
}
