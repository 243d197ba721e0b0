# One boot of one host, as first process of its namespaces: becomes the init of a Debian.
# Arguments: its folder (upper/ and work/ outlive the boot), the Debian below, name, 'machine' or 'container', init.
set -eu
folder=$1 base=$2 name=$3 kind=$4 init=$5
hostname "$name"
root=$folder/root
mkdir -p "$folder/upper" "$folder/work" "$root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work" "$root"
cd "$root"
mount -t proc proc proc
if [ "$kind" = machine ]; then
  # A machine has a boot id of its own at each boot; a container shows that of its host.
  cat /proc/sys/kernel/random/uuid >"$folder/boot-id"
  mount --bind "$folder/boot-id" proc/sys/kernel/random/boot_id
fi
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  : >"dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
if [ -f "$folder/prepare" ]; then
  mv "$folder/prepare" run/prepare
  chroot . /bin/sh -e /run/prepare
fi
pivot_root . mnt
umount -l /mnt
# $init is split into words on purpose.
exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $init </dev/null
