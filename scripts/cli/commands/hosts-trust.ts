import { mapLimited } from '../../../activities/map-limited.ts';
import {
  compareHostKey,
  knownKeys,
  readKnownHosts,
  replaceFile,
  showHostKey,
  SshError,
  withHostKey,
  type HostKeyState,
  type ShownHostKey,
} from '../../../clients/ssh/index.ts';
import { hostAccess } from '../../../config/hosts.ts';
import type { HostConfig } from '../../../config/hosts-schema.ts';
import { chooseHosts } from '../choose-hosts.ts';
import type { Site } from '../context.ts';
import { count } from '../render/words.ts';
import { createStyle } from '../render/style.ts';
import { CliError, commandName, isAgreed, layoutFor, printLine, type ExitCode } from '../terminal.ts';

export interface TrustFlags {
  readonly yes?: boolean;
  readonly replace?: readonly string[];
}

const AT_A_TIME = 8;
const CONNECT_TIMEOUT_MS = 10_000;

interface LookedAt {
  readonly name: string;
  readonly at: { readonly host: string; readonly port: number };
  readonly shown: ShownHostKey | null;
  readonly state: HostKeyState | 'unreachable';
  /** What it was known by, or why it was not reached. */
  readonly detail: string;
  /** Its fingerprint stands in the configuration, which is not ours to write. */
  readonly pinned: boolean;
}

/**
 * Shows the host keys of the inventory and puts those that are new into the file of known hosts, after a person has agreed.
 * One key that has changed keeps all from being written, for somebody may be in between.
 */
export async function trustHosts(
  site: Site,
  names: readonly string[],
  { yes = false, replace = [] }: TrustFlags,
): Promise<ExitCode> {
  const { stdout } = site.terminal;
  const chosen = chooseHosts(site.config, names).filter(({ exempt, via }) => exempt === undefined && via === 'ssh');
  requireChosen(chosen, replace);
  if (chosen.length === 0)
    throw new CliError('Nothing connects to these hosts over SSH: they are exempt, or reached through Proxmox.');
  const file = site.config.hostDefaults.ssh.knownHosts ?? site.config.cluster.ssh.knownHosts;
  const text = file === undefined ? '' : await readable(file);
  const found = await mapLimited(chosen, AT_A_TIME, (host) => lookAt(site, host, text));
  printLine(stdout, renderKeys(found, site));

  const refused = found.filter(({ state, pinned, name }) => isAlarming(state, pinned || !replace.includes(name)));
  if (refused.length > 0) throw new CliError(describeRefusal(refused), 1);
  const wanted = found.filter(({ state, pinned }) => !pinned && (state === 'new' || state === 'changed'));
  const end: ExitCode = found.some(({ state }) => state === 'unreachable') ? 1 : 0;
  if (wanted.length === 0) return end;
  if (file === undefined)
    throw new CliError('There is no file to put keys into. Name one: hostDefaults.ssh.knownHosts.');
  if (!(yes || (await agreed(site, wanted, file)))) {
    throw new CliError(`Nothing was written.${yes || site.terminal.ask ? '' : ` ${howToAgree(site, wanted)}`}`, 1);
  }
  await write(file, wanted);
  printLine(stdout, `${count(wanted.length, 'key')} written to ${file}.`);
  return end;
}

function isAlarming(state: LookedAt['state'], stays: boolean): boolean {
  return state === 'revoked' || (state === 'changed' && stays);
}

function requireChosen(chosen: readonly HostConfig[], replace: readonly string[]): void {
  const stranger = replace.find((name) => !chosen.some((host) => host.name === name));
  if (stranger === undefined) return;
  throw new CliError(`--replace ${stranger}: it is not among the hosts that are looked at.`);
}

async function readable(file: string): Promise<string> {
  try {
    return await readKnownHosts(file);
  } catch (error) {
    throw new CliError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Make it readable.`);
  }
}

async function lookAt({ config }: Site, host: HostConfig, text: string): Promise<LookedAt> {
  const { address, port, hostKey } = hostAccess(config, host);
  const at = { host: address, port };
  const pin = hostKey !== null && 'fingerprint' in hostKey ? hostKey.fingerprint : null;
  const base = { name: host.name, at, pinned: pin !== null };
  try {
    const shown = await showKnownKey(at, pin === null ? text : '');
    if (shown === null) {
      return { ...base, shown, state: 'unreachable', detail: 'it has no host key of a type that is supported.' };
    }
    if (pin !== null) {
      return { ...base, shown, state: shown.fingerprint === pin ? 'unchanged' : 'changed', detail: pin };
    }
    const { state, known } = compareHostKey(text, at, shown);
    return { ...base, shown, state, detail: known.join(' or ') };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return { ...base, shown: null, state: 'unreachable', detail: error.message };
  }
}

/** The key of the type that it is known by; one of another type only where it has no such key any more. */
async function showKnownKey(at: LookedAt['at'], text: string): Promise<ShownHostKey | null> {
  const timeoutMs = CONNECT_TIMEOUT_MS;
  const keyTypes = knownKeys(text, at.host, at.port).flatMap(({ marker, keyType }) => (marker ? [] : [keyType]));
  const shown = await showHostKey(at, { keyTypes, timeoutMs });
  return shown ?? (keyTypes.length === 0 ? null : await showHostKey(at, { keyTypes: [], timeoutMs }));
}

function renderKeys(found: readonly LookedAt[], { terminal }: Site): string {
  const style = createStyle(layoutFor(terminal.stdout, terminal.env).color);
  return found
    .map(({ name, shown, state, detail }) => {
      const key = shown === null ? 'no key' : `${shown.keyType} ${shown.fingerprint}`;
      switch (state) {
        case 'unreachable':
          return `${style.bad('✘')} ${name}: ${detail}`;
        case 'changed':
        case 'revoked':
          return `${style.bad('✘')} ${name}: ${key}  ${style.bad(state.toUpperCase())}, known: ${detail || 'none'}`;
        case 'new':
          return `${style.caution('+')} ${name}: ${key}  new`;
        case 'unchanged':
          return `${style.good('✔')} ${name}: ${key}  unchanged`;
      }
    })
    .join('\n');
}

function describeRefusal(refused: readonly LookedAt[]): string {
  const names = refused.map(({ name }) => name).join(', ');
  const pinned = refused.filter((each) => each.pinned).map(({ name }) => name);
  return [
    `THE HOST KEY HAS CHANGED: ${names}. Somebody may be in between, or the host was installed anew. Nothing was written.`,
    "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host's console. Only if it is the same, take it with --replace and the host's name.",
    ...(pinned.length > 0
      ? [`The key of ${pinned.join(', ')} stands in the configuration: correct its ssh.hostKey.`]
      : []),
    ...(refused.some(({ state }) => state === 'revoked')
      ? ['A revoked key is never taken: give the host a new one.']
      : []),
  ].join('\n');
}

function agreed({ terminal }: Site, wanted: readonly LookedAt[], file: string): Promise<boolean> {
  const question = `Have you compared the fingerprints on the hosts' consoles? Write ${count(wanted.length, 'key')} to ${file}`;
  return isAgreed(terminal, question);
}

function howToAgree({ terminal }: Site, wanted: readonly LookedAt[]): string {
  const names = wanted.map(({ name }) => name).join(' ');
  const replaced = wanted.filter(({ state }) => state === 'changed').map(({ name }) => ` --replace ${name}`);
  return `Compare the fingerprints on the hosts' consoles, then: ${commandName(terminal.env)} hosts trust ${names}${replaced.join('')} --yes`;
}

/** Reads the file again, so that what was added meanwhile is kept. */
async function write(file: string, wanted: readonly LookedAt[]): Promise<void> {
  try {
    let text = await readKnownHosts(file);
    for (const { name, at, shown, state } of wanted) {
      if (shown === null) continue;
      if (compareHostKey(text, at, shown).state !== state) {
        throw new Error(`somebody else has written a key of ${name} meanwhile. Look again.`);
      }
      text = withHostKey(text, at, shown);
    }
    await replaceFile(file, text);
  } catch (error) {
    throw new CliError(`${file} was not changed: ${(error as Error).message}`);
  }
}
