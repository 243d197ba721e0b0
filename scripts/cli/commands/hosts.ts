import type { ActivityDeps } from '../../../activities/index.ts';
import { isClientError } from '../../../activities/guard.ts';
import { readHost } from '../../../activities/host.ts';
import { listGuests } from '../../../activities/listed-guests.ts';
import { mapLimited } from '../../../activities/map-limited.ts';
import { GuestShellError } from '../../../clients/guest-shell/index.ts';
import { SshError } from '../../../clients/ssh/index.ts';
import type { HostConfig } from '../../../config/hosts-schema.ts';
import { inventoryHost } from '../../../config/patch.ts';
import type { Fact } from '../../../domain/condition.ts';
import type { HostReading, ListedGuest } from '../../../domain/host.ts';
import { placeHost } from '../../../planning/host-place.ts';
import { judgeReboot } from '../../../planning/reboot-required.ts';
import { depsFromConfig } from '../../../workers/deps-from-config.ts';
import { chooseHosts } from '../choose-hosts.ts';
import type { Site } from '../context.ts';
import { readLastPatched } from '../last-patched.ts';
import { renderHosts, type HostEntry } from '../render/hosts.ts';
import { layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

/** Enough to be quick, few enough for a small machine and for guests that share one disk. */
const AT_A_TIME = 8;

/** apt reads its lists for some seconds on a slow disk; a host that takes longer than this does not answer. */
const READ_TIMEOUT_MS = 60_000;

/** Shows how the hosts of the inventory are, and whether Proxmox agrees. 1 if one is not as it should be. */
export async function hosts(
  site: Site,
  names: readonly string[],
  { json = false }: { readonly json?: boolean },
): Promise<ExitCode> {
  const { stdout, env } = site.terminal;
  const chosen = chooseHosts(site.config, names);
  const deps = depsFromConfig(site.config, env);
  try {
    const [guests, readings, patched] = await Promise.all([
      chosen.some(({ vmid }) => vmid !== undefined) ? guestsOf(deps) : { value: [] },
      mapLimited(chosen, AT_A_TIME, async (host) => (host.exempt === undefined ? readOne(site, deps, host) : null)),
      readLastPatched(
        site,
        chosen.map(({ name }) => name),
      ),
    ]);
    const entries = chosen.map((host, index) => ({
      ...describeHost(host, readings[index] ?? null, guests),
      lastPatched: patched[index] ?? { value: null },
    }));
    if (json) printJson(stdout, entries);
    else printLine(stdout, renderHosts(entries, layoutFor(stdout, env)));
    return entries.some(({ state, mismatches }) => state === 'unreachable' || mismatches.length > 0) ? 1 : 0;
  } finally {
    await deps.close();
  }
}

async function guestsOf({ proxmox }: ActivityDeps): Promise<Fact<readonly ListedGuest[]>> {
  try {
    return { value: await listGuests(proxmox) };
  } catch (error) {
    return unknownBecauseOf(error);
  }
}

/** What a host answered, or why it did not. */
type Answer = { readonly value: HostReading } | { readonly unknown: string; readonly silent: boolean };

async function readOne({ config }: Site, { hostShell }: ActivityDeps, host: HostConfig): Promise<Answer> {
  try {
    const { stateDirectory } = config.hostDefaults;
    const options = { stateDirectory, updates: true, timeoutMs: READ_TIMEOUT_MS };
    return { value: await readHost(hostShell(host.name), options) };
  } catch (error) {
    // Whatever refuses us at the address of a stopped guest is somebody else.
    const silent =
      (error instanceof SshError && ['SshUnreachable', 'SshTimeout'].includes(error.type)) ||
      (error instanceof GuestShellError && error.type === 'GuestShellUnreachable');
    return { ...unknownBecauseOf(error), silent };
  }
}

/** Trouble of the other side is part of the answer; a configuration that cannot be used is not. */
function unknownBecauseOf(error: unknown): { readonly unknown: string } {
  if (isClientError(error)) return { unknown: error.message };
  throw error;
}

function describeHost(
  host: HostConfig,
  answer: Answer | null,
  guests: Fact<readonly ListedGuest[]>,
): Omit<HostEntry, 'lastPatched'> {
  const { name, address, groups, exempt } = host;
  const inventory = inventoryHost(host);
  const found = answer !== null && 'value' in answer ? answer.value : null;
  const { guest, mismatches } = placeHost(inventory, guests, found !== null);
  const basic = { name, address, groups, guest, mismatches };
  if (found) {
    const listedAs = guest?.kind === 'lxc' ? guest.kind : inventory.kind;
    return { ...basic, state: 'reached', why: null, ...found, reboot: judgeReboot(found.reboot, listedAs) };
  }
  return {
    ...basic,
    ...whyNotReached(answer, exempt, guest),
    system: null,
    pending: null,
    listsAge: null,
    reboot: null,
  };
}

function whyNotReached(
  answer: Answer | null,
  exempt: string | undefined,
  guest: ListedGuest | null,
): Pick<HostEntry, 'state' | 'why'> {
  if (answer === null || 'value' in answer) return { state: 'exempt', why: exempt ?? null };
  if (answer.silent && guest?.template) return { state: 'template', why: null };
  if (answer.silent && guest?.status === 'stopped') return { state: 'stopped', why: null };
  return { state: 'unreachable', why: answer.unknown };
}
