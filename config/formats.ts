import { isIP } from 'node:net';
import { z } from 'zod';
import { isDuration, toMilliseconds, type Duration } from '../domain/duration.ts';
import { FINDING_CODES, OVERRIDABLE_CODES, type FindingCode } from '../domain/finding.ts';
import { nearest } from './did-you-mean.ts';
import { parseRecurrence } from './recurrence.ts';

/** Where a secret is found. The configuration holds this reference, never the secret. */
export type SecretRef = { readonly env: string } | { readonly file: string };

interface Format<T> {
  /** Name of the format in the reference page. */
  readonly syntax: string;
  /** Completes the sentence "<field> …". May look at the value, must not repeat a secret. */
  readonly wrong: string | ((value: unknown) => string);
  /** What to write instead; a whole sentence. */
  readonly remedy: string;
  readonly test: (value: unknown) => value is T;
}

/** A schema for one kind of text whose errors say what to write instead. */
function format<T>({ syntax, wrong, remedy, test }: Format<T>): z.ZodCustom<T, T> {
  const error = typeof wrong === 'string' ? wrong : (issue: { input?: unknown }): string => wrong(issue.input);
  return z.custom<T>(test, { error, params: { remedy } }).meta({ syntax });
}

function textFormat(
  options: Omit<Format<string>, 'test'> & { readonly test: (text: string) => boolean },
): z.ZodCustom<string, string> {
  return format<string>({
    ...options,
    test: (value): value is string => typeof value === 'string' && options.test(value),
  });
}

export const port = z.int().min(1).max(65_535);

export const duration = format<Duration>({
  syntax: 'duration',
  wrong: (value) =>
    typeof value === 'number' ? 'is a number without a unit' : 'is not a length of time that Caretaker understands',
  remedy: "Write a number above zero, a space and a unit (ms, seconds, minutes, hours, days), such as '15 minutes'.",
  test: (value): value is Duration => typeof value === 'string' && isDuration(value) && toMilliseconds(value) > 0,
});

/** Local time on a 24-hour clock. */
export const timeOfDay = textFormat({
  syntax: 'time of day',
  wrong: 'is not a time of day',
  remedy: "Write hours and minutes on a 24-hour clock in quotes, such as '03:00'.",
  test: (text) => /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(text),
});

/** When a schedule starts its run. */
export const recurrence = textFormat({
  syntax: 'recurring time',
  wrong: 'is not a time that comes again and again',
  remedy:
    "Write days and a time on a 24-hour clock, such as 'sunday 03:00', 'monday, thursday 04:30', 'first saturday 09:00' or 'daily 05:00'.",
  test: (text) => parseRecurrence(text) !== null,
});

export const timeZone = textFormat({
  syntax: 'time zone',
  wrong: 'is not the name of a time zone',
  remedy: 'Write the IANA name that `timedatectl` shows, such as Europe/Berlin or UTC.',
  test: isTimeZone,
});

/** A length of time that may be none. */
export const durationOrNone = format<Duration>({
  syntax: 'duration',
  wrong: 'is not a length of time that Caretaker understands',
  remedy:
    "Write a number, a space and a unit (ms, seconds, minutes, hours, days), such as '10 minutes' or '0 seconds'.",
  test: (value): value is Duration => typeof value === 'string' && isDuration(value),
});

export const httpUrl = textFormat({
  syntax: 'URL',
  wrong: 'is not an address of a web service',
  remedy:
    'Write http:// or https://, host and path, without user and password; name an entry of `credentials` instead.',
  test: (text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  },
});

export const regularExpression = textFormat({
  syntax: 'regular expression',
  wrong: 'is not a regular expression',
  remedy: 'Write a JavaScript regular expression without slashes; it must match the whole name.',
  test: (text) => {
    try {
      return new RegExp(text) instanceof RegExp;
    } catch {
      return false;
    }
  },
});

export const secretRef = format<SecretRef>({
  syntax: 'secret reference',
  wrong: (value) =>
    typeof value === 'string'
      ? 'is a secret written into the configuration file'
      : 'must be a reference with exactly one of the keys env and file',
  remedy: 'Write { env: NAME_OF_A_VARIABLE } or { file: /path/to/file } and keep the secret there.',
  test: isSecretRef,
});

export const nodeName = textFormat({
  syntax: 'node name',
  wrong: 'is not a name that a Proxmox node can have',
  remedy: "Write the node's host name as `pvecm nodes` shows it: letters, digits and hyphens.",
  test: (text) => /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(text),
});

export const clusterName = textFormat({
  syntax: 'name',
  wrong: 'is not a usable cluster name',
  remedy: 'Use letters, digits, dots, hyphens and underscores; it becomes part of workflow ids.',
  test: isPlainName,
});

/** Hosts and their groups are chosen by these names on the command line. */
export const hostOrGroupName = textFormat({
  syntax: 'name',
  wrong: 'is not a usable name',
  remedy: 'Use letters, digits, dots, hyphens and underscores, and begin with a letter or digit.',
  test: isPlainName,
});

export const unitName = textFormat({
  syntax: 'unit',
  wrong: 'is not the name of a systemd unit',
  remedy: 'Write the name that `systemctl list-units` shows, such as pihole-FTL.service.',
  test: (text) => /^[A-Za-z0-9:_.\\@-]+$/.test(text),
});

/** Of the hosts of a group that are in hand at a time. */
export const serial = format<number | `${number}%`>({
  syntax: 'number or percentage',
  wrong: 'is neither a number of hosts nor a share of them',
  remedy: "Write a whole number above zero, such as 2, or a percentage in quotes, such as '25%'.",
  test: (value): value is number | `${number}%` =>
    typeof value === 'number'
      ? Number.isInteger(value) && value > 0
      : typeof value === 'string' && /^(?:[1-9]\d?|100)%$/.test(value),
});

export const nonEmptyText = textFormat({
  syntax: 'text',
  wrong: 'is not a text that says something',
  remedy: 'Write a few words in quotes.',
  test: (text) => text.trim() !== '',
});

export const address = textFormat({
  syntax: 'address',
  wrong: 'is not an IP address or host name',
  remedy: 'Write the address alone, such as 192.168.10.230, without https:// and without a port.',
  test: (text) => isIP(text) !== 0 || /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
});

/** The part of RFC 5321 that people have: no quoted names, no addresses in brackets. */
export const mailAddress = textFormat({
  syntax: 'mail address',
  wrong: 'is not a mail address',
  remedy: 'Write the address alone, such as admin@example.org.',
  test: (text) => /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text),
});

export const path = textFormat({
  syntax: 'path',
  wrong: 'is not a path',
  remedy: 'Write the path of a file; a relative one starts at the folder of the configuration file.',
  test: (text) => text.trim() !== '',
});

/** A path on the nodes: absolute, or below the home of the account that logs in. */
export const remotePath = textFormat({
  syntax: 'absolute path',
  wrong: 'is not a path that is safe to use on a node',
  remedy: 'Write a path that begins with / or ~/ and has letters, digits, dots, hyphens and underscores only.',
  test: (text) => /^~?(?:\/[A-Za-z0-9._-]+)+$/.test(text) && !text.split('/').includes('..'),
});

const SHA256 = /^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}$/;

export const certificateFingerprint = textFormat({
  syntax: 'SHA-256 fingerprint',
  wrong: 'is not the SHA-256 fingerprint of a certificate',
  remedy:
    'Run `pvenode cert info` on the node and copy the fingerprint of pveproxy-ssl.pem if it exists, else of pve-ssl.pem: 32 pairs of hexadecimal digits with colons.',
  test: (text) => SHA256.test(text),
}).transform((text) => text.toUpperCase());

export const sha256Fingerprint = textFormat({
  syntax: 'SHA-256 fingerprint',
  wrong: 'is not the SHA-256 fingerprint of a certificate',
  remedy: 'Write 32 pairs of hexadecimal digits with colons, as `openssl x509 -noout -fingerprint -sha256` shows them.',
  test: (text) => SHA256.test(text),
}).transform((text) => text.toUpperCase());

export const hostKeyFingerprint = textFormat({
  syntax: 'SSH key fingerprint',
  wrong: 'is not the SHA-256 fingerprint of an SSH host key',
  remedy:
    'Run `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the node and copy the word that begins with SHA256:.',
  test: (text) => /^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text),
}).transform((text) => text.replace(/=$/, ''));

export const upsName = textFormat({
  syntax: 'UPS name',
  wrong: 'is not the name of a UPS',
  remedy: 'Write the name in brackets in ups.conf on the NUT host, such as ups; without @ and host.',
  test: isPlainName,
});

/** In files of NUT; what else its parser takes, people do not have. */
export const nutWord = textFormat({
  syntax: 'NUT user',
  wrong: 'is not the name of a user of upsd.users',
  remedy: 'Write the name in brackets in upsd.users on the NUT host, such as nodes: letters, digits, dots, hyphens.',
  test: isPlainName,
});

export const userName = textFormat({
  syntax: 'user name',
  wrong: 'is not a user name',
  remedy: 'Write the name of the account on the nodes, such as root.',
  test: (text) => /^[a-z_][a-z0-9_.-]*$/.test(text),
});

/** Guest ids as Proxmox accepts them (`pve-vmid`: 100 to 999999999). */
export const vmid = format<number>({
  syntax: 'vmid',
  wrong: 'is not the id of a guest',
  remedy: 'Write the number that the Proxmox web interface shows before the name of the guest, such as 210.',
  test: (value): value is number => Number.isInteger(value) && Number(value) >= 100 && Number(value) <= 999_999_999,
});

/** Tags as Proxmox accepts them (`pve-tag`); it lists them in lower case unless told otherwise. */
export const guestTag = textFormat({
  syntax: 'tag',
  wrong: 'is not a tag that a guest can have',
  remedy: 'Write the tag as the Proxmox web interface shows it at the guest, such as docker.',
  test: (text) => /^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/.test(text),
});

export const overridableCode = format<FindingCode>({
  syntax: 'finding code',
  wrong: whyNotOverridable,
  remedy: `Codes that can be overridden: ${OVERRIDABLE_CODES.join(', ')}.`,
  test: (value): value is FindingCode => OVERRIDABLE_CODES.some((code) => code === value),
});

function whyNotOverridable(value: unknown): string {
  if (typeof value !== 'string') return 'is not the code of a finding';
  if (!(value in FINDING_CODES)) {
    const guess = nearest(value, OVERRIDABLE_CODES);
    return `is ${value}, which is no code of a finding${guess === null ? '' : `; did you mean ${guess}`}`;
  }
  return FINDING_CODES[value as FindingCode] === 'moot'
    ? `is ${value}, which only warns and keeps no run from starting`
    : `is ${value}, a rule that nothing overrides`;
}

export const vmidKey = z
  .string()
  .refine((text) => /^[1-9][0-9]{2,8}$/.test(text), { error: 'is not the id of a guest' })
  .meta({ syntax: 'vmid' });

/** Names with a region, or UTC; an offset is no time zone, for it does not know when clocks are set. */
function isTimeZone(name: string): boolean {
  if (name !== 'UTC' && !/^[A-Za-z]+(?:\/[A-Za-z0-9_+-]+)+$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function isPlainName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text);
}

function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  const [entry] = entries;
  if (entries.length !== 1 || entry === undefined) return false;
  const [key, text] = entry as [string, unknown];
  if (typeof text !== 'string') return false;
  return key === 'env' ? /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) : key === 'file' && text.trim() !== '';
}
