/** How long a package lock is waited for that somebody else holds, such as apt-daily. */
const LOCK_WAIT_SECONDS = 600;

const DAYS_TO_KEEP_JOBS = 90;

/**
 * What scripts that upgrade a machine begin with: apt as it must be called where nobody answers, and shell functions for
 * the steps that every upgrade takes. NEEDRESTART_MODE=l only lists services, for restarting any by the way is not ours
 * to do. Sources: apt-get(8), dpkg(1), needrestart(1).
 */
export const APT_FUNCTIONS = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C
set -e
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Questions about configuration files are answered with what the administrator has. Without these dpkg asks, and
# DEBIAN_FRONTEND does not answer for it.
apt_get() {
  apt-get -q -y -o DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS} -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# apt waits for the lock of dpkg alone; for those of its lists and of its downloads it is asked again.
patiently() {
  left=${LOCK_WAIT_SECONDS}
  until "$@" 2>"$errors"; do
    rc=$?
    cat "$errors" >&2
    grep -q -e 'Could not get lock /var/lib/apt/lists/lock' -e 'Could not get lock /var/cache/apt/archives/lock' "$errors" || exit "$rc"
    [ "$left" -gt 0 ] || exit "$rc"
    left=$((left - 2))
    sleep 2
  done
  cat "$errors" >&2
}

# What looks interrupted may be another run at work. dpkg waits for no lock; \`apt-get check\` does, and nothing else.
configure_what_is_left() {
  if [ -n "$(dpkg --audit)" ]; then
    apt_get check || true
    dpkg --force-confdef --force-confold --configure -a || true
  fi
}

# A repository that cannot be reached is no reason for apt to fail: it goes on with the lists that it has, and nothing
# would be found to upgrade. Before 2.1.15 it knows no other mode, and warns only.
refresh_lists() {
  patiently apt_get -o APT::Update::Error-Mode=any update
  if grep -q -e '^W: Failed to fetch' -e '^W: Some index files failed' "$errors"; then
    sed -n 's/^W: /E: /p' "$errors" >&2
    exit 100
  fi
}

# A package that was killed while it was unpacked is left by dpkg and by apt as it is, even by a dist-upgrade that ends
# well. dpkg marks it \`reinstreq\`; only reinstalling it helps. Packages that need one that never came are completed by
# apt, which must not remove any for it.
complete_what_is_torn() {
  torn=$(dpkg-query -W -f '\${db:Status-Eflag} \${Package}:\${Architecture}\\n' | sed -n 's/^reinstreq //p')
  if [ -n "$torn" ]; then patiently apt_get --no-remove --reinstall install $torn; fi
  if [ -n "$(dpkg --audit)" ]; then patiently apt_get --no-remove --fix-broken install; fi
}

# A job is a file in a folder of its own beside those of the others, whose logs are of interest for a while.
forget_old_jobs() {
  own=\${0%/*}
  for result in "\${own%/*}"/*/rc; do
    if [ -n "$(find "$result" -mtime +${DAYS_TO_KEEP_JOBS} 2>/dev/null)" ]; then rm -rf "\${result%/rc}"; fi
  done
}
`;
