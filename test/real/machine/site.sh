# The place where hosts live, made of namespaces alone: what is below ends with its first process.
# Arguments: mount point, name of the control group, then the program that is to be the first process.
set -eu
place=$1 group=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 site "$place"
mkdir "$place/groups"
mount -t cgroup2 cgroup2 "$place/groups"
mkdir "$place/groups/$group"
ip link set lo up
ip link add wire type bridge
ip address add 198.18.0.1/24 dev wire
ip link set wire up
exec unshare --pid --fork --kill-child --mount-proc "$@"
