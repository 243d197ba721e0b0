import { quote, sh } from '../../clients/ssh/index.ts';
import {
  EVENT_LOG,
  MARK,
  NUT_CLIENT_PATHS,
  SERVICE_DROP_IN,
  type DeclaredFile,
} from '../../planning/nut-client-files.ts';
import { APT_FUNCTIONS } from '../apt-script.ts';
import { END_OF_PARTS, PART_FUNCTION } from '../shell-parts.ts';

/** A copy of what a file held before Caretaker lies beside it under this ending. */
export const KEPT = '.before-caretaker';

/** A file that is being written, as logrotate and run-parts pass over it. */
const UNFINISHED = '.caretaker~';

/** Exit code of a script that did not get all of its input, as when the connection was cut (EX_TEMPFAIL of sysexits.h). */
export const TORN = 75;

/**
 * What is ours on a node. `service`: how nut-monitor was before Caretaker. `package-is-ours`: how to remove the package.
 * `before-change/`: files and service as they were before a change that is neither proved nor taken back.
 */
const STATE = `
state=/var/lib/caretaker/nut-client
journal=$state/before-change
copy_of() { printf '%s/%s' "$1" "$(printf '%s' "$2" | tr / _)"; }
is_ours() { head -n 2 "$1" 2>/dev/null | grep -q ${quote(`^${MARK}`)}; }
service_now() {
  systemctl is-enabled nut-monitor.service || true
  systemctl is-active nut-monitor.service || true
}
# Lines of service_now.
restore_service() {
  { read -r enabled || true; read -r active || true; } <"$1"
  case $enabled in
    enabled*) systemctl enable --quiet nut-monitor.service ;;
    *) systemctl disable --quiet nut-monitor.service 2>/dev/null || true ;;
  esac
  case $active in
    active) systemctl restart nut-monitor.service ;;
    *) systemctl stop nut-monitor.service 2>/dev/null || true ;;
  esac
}
remove_folder() { rmdir --ignore-fail-on-non-empty "\${1%/*}" 2>/dev/null || true; }
`;

const BEGIN = `set -e
umask 077
export LC_ALL=C
${STATE}`;

const PATHS = NUT_CLIENT_PATHS.map((path) => quote(path)).join(' ');

/** One login that changes nothing: the NUT client of a node as it is, and what `upsc` says there. */
export function readScript(ups: string): string {
  return sh`/bin/sh -c ${`export LC_ALL=C
${STATE}
${PART_FUNCTION}
files() {
  for path in ${PATHS}; do
    if [ -e "$path${KEPT}" ]; then echo "kept $path"; fi
    [ -e "$path" ] || continue
    ours=no
    if is_ours "$path"; then ours=yes; fi
    echo "$(sha256sum <"$path" | cut -d ' ' -f 1) $(stat -c '%a %U:%G' "$path") $ours $path" || return
  done
}
trouble() {
  journalctl --no-pager -q -o cat -n 30 -u nut-monitor.service | grep -i -e failed -e unable -e 'can.t' -e fatal -e denied | grep -v directive | tail -n 1
  true
}
part package dpkg-query -W -f '\${db:Status-Status} \${Version}' nut-client
part mode sed -n 's/^[[:space:]]*MODE=//p' /etc/nut/nut.conf
part files files
part active systemctl is-active nut-monitor.service
part enabled systemctl is-enabled nut-monitor.service
part pending test -d "$journal"
part log test -e ${EVENT_LOG}
part addresses hostname -I
part ups timeout 10 upsc ${quote(ups)} ups.status
part trouble trouble
${END_OF_PARTS}
`}`;
}

/** Notes how everything is before the first change, unless an earlier change is still open. */
export const OPEN_JOURNAL = script(`
mkdir -p "$state"
if [ -d "$journal" ]; then exit 0; fi
rm -rf "$journal.new"
mkdir "$journal.new"
for path in ${PATHS}; do
  if [ -e "$path" ]; then cp -a "$path" "$(copy_of "$journal.new" "$path")"; fi
done
service_now >"$journal.new/service" 2>/dev/null
if [ ! -e "$state/service" ]; then
  cp "$journal.new/service" "$state/service.new"
  mv "$state/service.new" "$state/service"
fi
sync
mv "$journal.new" "$journal"
[ -e ${EVENT_LOG} ] || install -o nut -g adm -m 640 /dev/null ${EVENT_LOG}
`);

/**
 * Puts a file in its place as a whole, and what was there first aside. The content comes by stdin, after its length in
 * bytes on a line: what ends early is not taken for the whole.
 */
export function writeScript({ path, mode, owner }: DeclaredFile): string {
  return script(`
path=${quote(path)}
mkdir -p -m 755 "\${path%/*}"
IFS= read -r size
cat >"$path${UNFINISHED}"
if [ "$(wc -c <"$path${UNFINISHED}")" -ne "$size" ]; then
  rm -f "$path${UNFINISHED}"
  echo 'its content did not arrive as a whole' >&2
  exit ${TORN}
fi
chown ${quote(owner)} "$path${UNFINISHED}"
chmod ${quote(mode)} "$path${UNFINISHED}"
if [ -e "$path" ] && ! is_ours "$path" && [ ! -e "$path${KEPT}" ]; then
  cp -a "$path" "$path${KEPT}${UNFINISHED}"
  mv "$path${KEPT}${UNFINISHED}" "$path${KEPT}"
fi
sync "$path${UNFINISHED}"
mv "$path${UNFINISHED}" "$path"
`);
}

/** Paths that the open change has touched, a line each. */
export const LIST_CHANGED = script(`
[ -d "$journal" ] || exit 0
for path in ${PATHS}; do
  copy=$(copy_of "$journal" "$path")
  if [ -e "$copy" ] && [ "$(stat -c '%a %U:%G' "$copy")" = "$(stat -c '%a %U:%G' "$path")" ] && cmp -s "$copy" "$path"; then continue; fi
  printf '%s\\n' "$path"
done
`);

/** Debian hangs the unit on nut.target, which is what a boot starts. */
export const RESTART_MONITOR = script(`
systemctl daemon-reload
systemctl enable --quiet nut-monitor.service
if systemctl cat nut.target >/dev/null 2>&1; then systemctl enable --quiet nut.target; fi
systemctl restart nut-monitor.service
`);

/** The open change is proved. */
export const CLOSE_JOURNAL = script(`
rm -rf "$journal"
`);

/** Takes the open change back. Comes to the same end however often it is begun. */
export const REVERT = script(`
[ -d "$journal" ] || exit 0
systemctl stop nut-monitor.service 2>/dev/null || true
for path in ${PATHS}; do
  copy=$(copy_of "$journal" "$path")
  if [ -e "$copy" ]; then
    cp -a "$copy" "$path${UNFINISHED}"
    mv "$path${UNFINISHED}" "$path"
    # Then it is what was there first.
    is_ours "$path" || rm -f "$path${KEPT}"
  else
    rm -f "$path" "$path${UNFINISHED}"
  fi
done
remove_folder ${quote(SERVICE_DROP_IN)}
systemctl daemon-reload
restore_service "$journal/service"
# Where no file is ours, whoever sets a client up here from now on is not to be disturbed by a removal.
ours=no
for path in ${PATHS}; do if is_ours "$path"; then ours=yes; fi; done
if [ "$ours" = no ]; then rm -f "$state/service"; fi
rm -rf "$journal"
`);

/** Puts back what was there before Caretaker, and says what became of each file; of attempts that died, too. */
export const REMOVE_FILES = script(`
[ -e "$state/service" ] || exit 0
tell() { echo "$1" >>"$state/told"; }
systemctl stop nut-monitor.service 2>/dev/null || true
for path in ${PATHS}; do
  rm -f "$path${UNFINISHED}"
  if [ -e "$path" ] && ! is_ours "$path"; then
    if [ -e "$path${KEPT}" ]; then tell "left $path, which somebody has replaced"; fi
  elif [ -e "$path${KEPT}" ]; then
    tell "restored $path"
    mv "$path${KEPT}" "$path"
  elif [ -e "$path" ]; then
    tell "removed $path"
    rm -f "$path"
  fi
done
remove_folder ${quote(SERVICE_DROP_IN)}
systemctl daemon-reload
restore_service "$state/service"
if [ -e "$state/told" ]; then sort -u "$state/told"; fi
`);

/** Whether the package is there because of Caretaker: prints how to remove it. */
export const ASK_PACKAGE = script(`
if [ -e "$state/package-is-ours" ]; then cat "$state/package-is-ours"; fi
`);

/** Nothing on the node is ours any more. */
export const FORGET = script(`
rm -rf "$state"
`);

/**
 * Job that installs the package, and notes before that it is ours. Lists that cannot be refreshed, as those of a repository
 * without subscription, are no reason not to try.
 */
export const INSTALL_JOB = `${APT_FUNCTIONS}
${STATE}
umask 077
status=$(dpkg-query -W -f '\${db:Status-Status}' nut-client 2>/dev/null) || status=
if [ "$status" != installed ]; then
  how=purge
  # Configuration that is left of an earlier installation is not ours to purge.
  if [ "$status" = config-files ]; then how=remove; fi
  mkdir -p "$state"
  printf '%s\\n' "$how" >"$state/package-is-ours.new"
  mv "$state/package-is-ours.new" "$state/package-is-ours"
  umask 022
  (patiently apt_get update) || true
  patiently apt_get --no-remove --no-install-recommends install nut-client
fi
`;

/** Job that removes the package if it is ours and nothing else needs it. */
export const REMOVE_JOB = `${APT_FUNCTIONS}
${STATE}
how=$(cat "$state/package-is-ours")
status=$(dpkg-query -W -f '\${db:Status-Status}' nut-client 2>/dev/null) || status=
if [ "$status" != installed ]; then exit 0; fi
would=$(apt-get -s "$how" nut-client | sed -n 's/^\\(Remv\\|Purg\\) \\([^ ]*\\).*/\\2/p' | sort -u | tr '\\n' ' ')
if [ "$would" != 'nut-client ' ]; then
  echo "E: with nut-client these would go, too: $would"
  exit 1
fi
patiently apt_get "$how" nut-client
`;

function script(body: string): string {
  return sh`/bin/sh -c ${BEGIN + body}`;
}
