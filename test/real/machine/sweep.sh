# Removes the control groups of sites whose owner is dead, and those of the site named. Nothing else outlives a site.
# Arguments: mount point, name of a site's control group or nothing.
set -eu
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1"
for group in "$1"/caretaker-real-*; do
  [ -d "$group" ] || continue
  owner=${group##*caretaker-real-}
  owner=${owner%%-*}
  if [ -e "/proc/$owner" ] && [ "$group" != "$1/${2:-}" ]; then continue; fi
  find "$group" -depth -type d -exec rmdir {} +
done
