import type { FoundNutClient, NutMonitor } from '../domain/nut-client.ts';

/** A file as it shall be on a node. */
export interface DeclaredFile {
  readonly path: string;
  /** As `stat -c %a` shows it: `640`. */
  readonly mode: string;
  /** `root:nut` */
  readonly owner: string;
  readonly content: string;
}

export const NUT_CONF = '/etc/nut/nut.conf';
export const UPSMON_CONF = '/etc/nut/upsmon.conf';
export const NOTIFY_SCRIPT = '/usr/local/sbin/ups-notify.sh';
export const EVENT_LOG = '/var/log/ups-events.log';
export const LOGROTATE_CONF = '/etc/logrotate.d/caretaker-ups-events';
export const SERVICE_DROP_IN = '/etc/systemd/system/nut-monitor.service.d/caretaker.conf';

/** All files of a node that are ours, in the order in which they are written. */
export const NUT_CLIENT_PATHS = [NOTIFY_SCRIPT, LOGROTATE_CONF, SERVICE_DROP_IN, UPSMON_CONF, NUT_CONF] as const;

/** A file is ours when one of its first two lines begins so. */
export const MARK = '# Written by Caretaker';

/** Kinds of events of upsmon.conf(5) that are logged. */
const EVENTS = 'ONLINE ONBATT LOWBATT FSD COMMOK COMMBAD SHUTDOWN REPLBATT NOCOMM NOPARENT'.split(' ');

/** upsmon sends a password as it is, and upsd takes the line apart at some signs (NUT 2.8.0). */
export function canBeSent(password: string): boolean {
  return /^[!-~]+$/.test(password) && !/["#=\\]/.test(password);
}

/** `ups@192.168.10.164:3493`, as upsmon and upsc take it. */
export function upsAddress({ ups, host, port }: Pick<NutMonitor, 'ups' | 'host' | 'port'>): string {
  return `${ups}@${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * The files that make a node a NUT secondary which shuts itself down by itself on a low battery, and on the order (FSD) of
 * the NUT server. Sources: nut.conf(5), upsmon.conf(5), upsmon(8) of NUT 2.8.
 *
 * @param password Of `monitor.user`, one that upsmon can send.
 */
export function nutClientFiles(monitor: NutMonitor, node: string, password: string): readonly DeclaredFile[] {
  const mark = `${MARK} for ${node}. Change power.clients of its configuration, not this file.`;
  const contents: Readonly<Record<(typeof NUT_CLIENT_PATHS)[number], Omit<DeclaredFile, 'path'>>> = {
    [NOTIFY_SCRIPT]: { mode: '755', owner: 'root:root', content: notifyScript(mark) },
    [LOGROTATE_CONF]: { mode: '644', owner: 'root:root', content: logrotateConf(mark) },
    [SERVICE_DROP_IN]: { mode: '644', owner: 'root:root', content: serviceDropIn(mark) },
    [UPSMON_CONF]: { mode: '640', owner: 'root:nut', content: upsmonConf(mark, monitor, password) },
    [NUT_CONF]: { mode: '640', owner: 'root:nut', content: `${mark}\nMODE=netclient\n` },
  };
  return NUT_CLIENT_PATHS.map((path) => ({ path, ...contents[path] }));
}

/**
 * `systemctl poweroff` does nothing where a shutdown is under way, whoever has asked for it: logind refuses a second one,
 * and the jobs of the first cannot be replaced. `-i`: no inhibitor holds a node on an empty battery.
 */
export const SHUTDOWN_COMMAND = '/usr/bin/systemctl -i poweroff';

function upsmonConf(mark: string, monitor: NutMonitor, password: string): string {
  const { user, pollInterval, deadTime, hostSync } = monitor;
  return `${mark}
RUN_AS_USER nut
MONITOR ${upsAddress(monitor)} 1 "${user}" "${password}" secondary
MINSUPPLIES 1
SHUTDOWNCMD "${SHUTDOWN_COMMAND}"
POWERDOWNFLAG /etc/killpower
POLLFREQ ${pollInterval}
POLLFREQALERT 1
DEADTIME ${deadTime}
HOSTSYNC ${hostSync}
FINALDELAY 0
NOTIFYCMD ${NOTIFY_SCRIPT}
${EVENTS.map((event) => `NOTIFYFLAG ${event} SYSLOG+EXEC\n`).join('')}`;
}

/** upsmon passes its message as argument, and the kind of event and the UPS in the environment. */
function notifyScript(mark: string): string {
  return `#!/bin/sh
${mark}
# Called by upsmon (NOTIFYCMD). Appends a line to ${EVENT_LOG}; whatever happens, upsmon is not held up by it.
case \${NOTIFYTYPE:-} in
  ONBATT) meaning='the mains are gone, the UPS is on battery' ;;
  ONLINE) meaning='the mains are back' ;;
  LOWBATT) meaning='the battery is low' ;;
  FSD) meaning='the NUT server orders everybody to shut down' ;;
  SHUTDOWN) meaning='this node shuts down now' ;;
  COMMBAD) meaning='the UPS cannot be asked' ;;
  COMMOK) meaning='the UPS can be asked again' ;;
  NOCOMM) meaning='the UPS has not been heard of for a long time' ;;
  REPLBATT) meaning='the battery has to be replaced' ;;
  NOPARENT) meaning='upsmon has lost the part that could shut this node down: restart nut-monitor' ;;
  *) meaning='an event that is not known here' ;;
esac
line=$(printf '%s %s %s: %s (%s)' "$(date +%Y-%m-%dT%H:%M:%S.%3N%:z)" "\${NOTIFYTYPE:-UNKNOWN}" "\${UPSNAME:-no UPS}" "$meaning" "$*" | tr -d '\\000-\\037')
{ printf '%s\\n' "$line" >>${EVENT_LOG}; } 2>/dev/null || logger -t ups-notify -- "$line" 2>/dev/null
exit 0
`;
}

function logrotateConf(mark: string): string {
  return `${mark}
${EVENT_LOG} {
	monthly
	rotate 24
	missingok
	notifempty
	compress
	delaycompress
	create 0640 nut adm
}
`;
}

/** Debian's unit leaves a killed upsmon dead. */
function serviceDropIn(mark: string): string {
  return `${mark}
[Service]
Restart=on-failure
RestartSec=5
`;
}

/** The modes of nut.conf(5) in which a machine serves a UPS. */
const SERVING = ['standalone', 'netserver', 'controlled'];

/** Why a node cannot be made a client; none: it can. Each ends with what to do. */
export function reasonsNotToProvision({ version, mode, files, kept }: FoundNutClient): readonly string[] {
  const replaced = Object.entries(files).filter(([path, { ours }]) => !ours && kept.includes(path));
  return [
    ...(mode !== null && SERVING.includes(mode) && files[NUT_CONF]?.ours === false
      ? [
          `it serves a UPS itself (MODE=${mode} in ${NUT_CONF}), which a client does not. Let another machine serve the UPS, or leave this node out`,
        ]
      : []),
    ...(version !== null && isOlderThan28(version)
      ? [`it has NUT ${version}, whose words are older. Bring the node to Debian 12 or newer`]
      : []),
    ...replaced.map(
      ([path]) =>
        `somebody has replaced ${path}, and ${path}.before-caretaker still holds what was there first. Remove one of them`,
    ),
  ];
}

function isOlderThan28(version: string): boolean {
  const [, major = '', minor = ''] = /^(?:\d+:)?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) < 2 || (Number(major) === 2 && Number(minor) < 8);
}

/** What a node's NUT client still lacks to be proved; null: it protects the node. */
export function whyNotProtected(
  { active, ups, addresses, trouble }: FoundNutClient,
  clients: readonly string[],
  monitor: NutMonitor,
): string | null {
  if (!active) return `nut-monitor does not run${said(trouble)}`;
  if ('unknown' in ups) return `upsc ${upsAddress(monitor)} says nothing of the UPS there: ${ups.unknown}`;
  const plain = new Set(clients.map((address) => address.replace(/^::ffff:/i, '')));
  if (addresses.some((address) => plain.has(address))) return null;
  return `${upsAddress(monitor)} does not list it among its clients (${clients.join(', ') || 'none'})${said(trouble)}`;
}

function said(trouble: string): string {
  return trouble === '' ? '' : `; upsmon says: ${trouble}`;
}

/**
 * Lines for upsmon.conf of the NUT server. upsmon of a node takes leave as soon as it has asked for the shutdown, so that
 * HOSTSYNC alone waits for the beginning of it; FINALDELAY is waited for after that, in any case.
 *
 * @param budget Seconds that a node may need to go down.
 */
export function serverAdvice(budget: number): readonly string[] {
  return [`HOSTSYNC ${budget}`, `FINALDELAY ${budget}`];
}
