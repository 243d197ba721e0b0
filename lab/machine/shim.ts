/**
 * The program behind every lab command on a machine's PATH, for any POSIX shell. `@RUN@` becomes the relay's folder.
 *
 * The shim writes its arguments to PID.q (NUL-separated) and its PID to the `requests` pipe. PID.l goes to the lab and
 * is held open until the shim dies. PID.c brings one order a line: `o`/`e` text for printf %b on stdout/stderr,
 * `O`/`E` number of a file with text, `i` relay standard input to PID.i, `x` exit code. An end of PID.c without `x`
 * means the lab is gone. Signals need no relaying: the shim dies of them as a real program would.
 */
export const SHIM = `#!/bin/sh
PATH=/usr/bin:/bin
run=@RUN@
me=$run/$$
make() { mkfifo "$me.c" "$me.l" 2>/dev/null; }
make || { rm -f "$me".*; make; } || exit 255
printf '%s\\0' "\${0##*/}" "$@" >"$me.q" || exit 255
[ -r /proc/self/environ ] || env >"$me.n"
echo $$ 1<>"$run/requests"
exec 9>"$me.l" 8<"$me.c" || exit 255
echo >&9
reader=
while IFS= read -r order <&8; do
  rest=\${order#?}
  case $order in
    o*) printf '%b' "$rest" ;;
    e*) printf '%b' "$rest" >&2 ;;
    O*) /bin/cat "$me.$rest" 8<&- 9>&- ;;
    E*) /bin/cat "$me.$rest" >&2 8<&- 9>&- ;;
    i)
      command exec 7<&0 || exec 7</dev/null
      mkfifo "$me.i"
      { echo; exec /bin/cat <&7; } >"$me.i" 8<&- 9>&- &
      reader=$! ;;
    x*)
      [ -z "$reader" ] || kill "$reader" 2>/dev/null
      exit "$rest" ;;
  esac
done
exit 255
`;

/** `cat` asks the lab only for files of the system; the caller's own files are read by the real one. */
export const CAT = `#!/bin/sh
for file do
  case $file in
    /proc/* | /etc/* | /run/* | /var/*) . @RUN@/shim ;;
  esac
done
exec /bin/cat "$@"
`;
