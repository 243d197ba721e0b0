import { quote, quotePath, sh } from '../ssh/index.ts';

/** Where one job lives on the host. */
export interface JobPlace {
  /** Folder of this job, absolute or `~/…`. */
  readonly directory: string;
  /** Name of the systemd unit without `.service`. */
  readonly unit: string;
}

/*
 * Files of a job: `boot` (which boot it was launched in), `runner`, `launch` (process id, or `systemd` once it took the job),
 * `run.<hash>` (wrapper), `command.<hash>`, `claim/` (made once, by the wrapper that runs the command), `claim/pid`,
 * `claim/hash`, `log`, `rc`.
 *
 * Launching is harmless: any number of starters may do it, at any moment and after any death, because the wrapper runs
 * the command only if it makes the folder `claim`, which succeeds once. What is read is written beside and renamed.
 *
 * The scripts are POSIX sh and use few commands, so that they run on any host; boot id and kernel data are read with cat.
 */

/**
 * Sets `b` to the boot id and `boot` to what tells this boot from every other. A container has the boot id of its host,
 * which outlives the container's boots. So its init counts as well: the time it was started at, the 22nd field of
 * proc_pid_stat(5). The second field is the program's name in parentheses. Changes the positional parameters.
 *
 * `boot` is empty when one of the two could not be read just now: half of it would pass for another boot.
 */
export const WHICH_BOOT = `
b=$(cat /proc/sys/kernel/random/boot_id)
boot=$b
if test -n "$b" && test -r /proc/1/stat; then
  init=$(cat /proc/1/stat 2>/dev/null)
  set -- \${init##*) }
  boot=\${20:+$b/\${20}}
fi
`;

const judge = `
alive() {
  p=$(cat "$d/claim/pid" 2>/dev/null)
  if test "$(cat "$d/runner" 2>/dev/null)" = systemd; then
    a=$(systemctl is-active "$u.service" 2>/dev/null)
    case "$a" in
      active | activating | deactivating | reloading | refreshing) return 0 ;;
      # systemd does not answer, as during its own upgrade. A job that it took may be about to begin.
      '') test -z "$p" && { test -f "$d/launch" || test -d "$d/claim"; return; } ;;
    esac
  elif test -z "$p"; then
    # Claimed, and about to say its process id.
    test -d "$d/claim" && return 0
    p=$(cat "$d/launch" 2>/dev/null)
  fi
  test -n "$p" && { kill -0 "$p" || kill -s 0 -- "-$p"; } 2>/dev/null
}
# Sets s. The claim is looked for before the life sign and the result after it: a job that begins in between has begun for
# the next look, and one that ends in between has left its result by then.
judge() {
  claimed=no
  test -d "$d/claim" && claimed=yes
  here=no
  test "$(cat "$d/boot" 2>/dev/null)" = "$boot" && here=yes
  living=no
  test "$here" = yes && alive && living=yes
  if test -f "$d/rc"; then s=finished
  elif test "$living" = yes; then s=running
  elif test "$claimed" = no; then s=absent
  elif test "$here" = yes; then s=killed
  else s=lost-to-reboot
  fi
}
say() {
  printf 'caretaker-job\\nstate=%s\\nrc=%s\\nboot=%s\\nsize=%s\\n' "$1" "$(cat "$d/rc" 2>/dev/null)" "$b" "\${size:-0}"
  printf 'message=%s\\n--\\n' "$2"
}
`;

export interface ReadOptions extends JobPlace {
  readonly offset: number;
  readonly chunkBytes: number;
  /** So long a running job is waited for, milliseconds; a host without GNU's tail does not wait. */
  readonly waitMs: number;
}

/** Prints how the job stands and its log from an offset. */
export function readScript(job: ReadOptions): string {
  const seconds = job.waitMs / 1_000;
  const wait = `
if test "$s" = running; then
  p=$(cat "$d/claim/pid" 2>/dev/null) && timeout ${seconds} tail -s ${Math.min(seconds, 0.2)} --pid="$p" -f /dev/null 2>/dev/null
  judge
fi
`;
  return script(
    job,
    `
judge
${job.waitMs > 0 ? wait : ''}
size=0
test -f "$d/log" && size=$(($(wc -c <"$d/log")))
say "$s"
test "$size" -gt ${job.offset} && tail -c +${job.offset + 1} "$d/log" | head -c ${job.chunkBytes}
exit 0
`,
  );
}

export interface StartOptions extends JobPlace {
  readonly command: string;
  /** Of the command. */
  readonly hash: string;
  readonly timeoutSeconds: number;
  readonly description: string;
}

/** Starts the job unless it has begun. */
export function startScript(job: StartOptions): string {
  const { hash } = job;
  return script(
    job,
    `
umask 077
refuse() {
  say error "$1"
  exit 0
}
put() {
  printf '%s\\n' "$2" >"$1.$$" && mv "$1.$$" "$1" || refuse "cannot write $1"
}
known() {
  h=$(cat "$d/claim/hash" 2>/dev/null)
  test -z "$h" || test "$h" = ${hash} || { say conflict; exit 0; }
}
e=$(mkdir -p "$d" 2>&1) || refuse "$e"
judge
known
test "$s" = absent || { say "$s"; exit 0; }
put "$d/command.${hash}" ${quote(job.command)}
put "$d/run.${hash}" ${quote(wrapper(hash))}
runner=setsid
if command -v systemd-run >/dev/null 2>&1; then
  case "$(systemctl is-system-running 2>/dev/null)" in
    '' | offline | unknown) ;;
    *) runner=systemd ;;
  esac
fi
put "$d/runner" "$runner"
put "$d/boot" "$boot"
sync "$d/boot" 2>/dev/null
if test "$runner" = systemd; then
  e=$(systemd-run "--unit=$u" --collect --quiet ${sh`--description=${job.description}`} ${sh`--property=RuntimeMaxSec=${job.timeoutSeconds}`} /bin/sh "$d/run.${hash}" "$d" self 2>&1) || {
    # Refused for a reason to report, or because another starter was faster, whose unit may still have to begin.
    n=0
    while judge
      test "$s" = absent && test "$n" -lt 10 && test "$(systemctl show --property=LoadState --value "$u.service" 2>/dev/null)" = loaded
    do
      n=$((n + 1))
      sleep 1
    done
    # It may have come and gone in between.
    judge
    known
    test "$s" = absent && refuse "systemd-run: $e"
    say "$s"
    exit 0
  }
  put "$d/launch" systemd
else
  # timeout leads the process group, so that its end is the end of all.
  limit= leader=self
  command -v timeout >/dev/null 2>&1 && limit=${quote(`timeout -k 30 ${job.timeoutSeconds}`)} leader=parent
  setsid $limit /bin/sh "$d/run.${hash}" "$d" "$leader" </dev/null >/dev/null 2>&1 &
  put "$d/launch" "$!"
fi
say started
`,
  );
}

function wrapper(hash: string): string {
  return `d=$1
p=$$
test "$2" = parent && p=$PPID
mkdir "$d/claim" 2>/dev/null || exit 0
printf '%s\\n' "$p" >"$d/claim/pid.new" && mv "$d/claim/pid.new" "$d/claim/pid"
printf '%s\\n' ${hash} >"$d/claim/hash.new" && mv "$d/claim/hash.new" "$d/claim/hash"
cd /
/bin/sh "$d/command.${hash}" </dev/null >"$d/log" 2>&1
rc=$?
printf '%s\\n' "$rc" >"$d/rc.new" && mv "$d/rc.new" "$d/rc"
sync "$d/rc" 2>/dev/null
exit "$rc"`;
}

/** Asks a running job to end, or forces it. */
export function stopScript(job: JobPlace & { readonly force: boolean }): string {
  return script(
    job,
    `
judge
if test "$s" = running; then
  if test "$(cat "$d/runner" 2>/dev/null)" = systemd; then
    ${job.force ? 'systemctl kill --signal=KILL "$u.service"' : 'systemctl stop "$u.service"'} 2>/dev/null
  else
    kill -s ${job.force ? 'KILL' : 'TERM'} -- "-$(cat "$d/claim/pid")" 2>/dev/null
  fi
  judge
fi
say "$s"
`,
  );
}

/** One line for the user's login shell, whichever that is. */
function script(job: JobPlace, body: string): string {
  const head = `d=${quotePath(job.directory)}\nu=${quote(job.unit)}\n`;
  // No report at all, after which it is asked again.
  const known = 'test -n "$boot" || exit 1\n';
  return sh`/bin/sh -c ${head + WHICH_BOOT + known + judge + body}`;
}
