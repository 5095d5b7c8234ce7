# Run by sandbox.py inside fresh namespaces: builds a root of read-only places and memory, enters it.
# $1: places to share, separated by colons; $2: more of them, which may lie under /tmp or /home;
# $3: bytes of the home; $4: capabilities that the command needs to become somebody else (setpriv's
# words); the rest: the command.
fail() { echo "codelsp sandbox: $1"; exit 125; }
places=$1 more=$2 size=$3 capabilities=$4
shift 4
mount --make-rprivate / || fail "mounts cannot be made private"
root=/tmp
# What stands under the new root cannot be shared any more.
case ":$more" in *:/tmp/*) root=/mnt ;; esac
mount -t tmpfs -o "size=$size,mode=755" sandbox "$root" || fail "no file system in memory"
share() { # Shows a place of outside under the same name, read-only.
  place=$1
  [ -e "$place" ] || return 0
  if [ -L "$place" ]; then
    mkdir -p "$root$(dirname "$place")"
    cp -P "$place" "$root$place" || fail "$place cannot be linked"
    return 0
  fi
  if [ -d "$place" ]; then
    mkdir -p "$root$place"
  else
    mkdir -p "$root$(dirname "$place")"
    : > "$root$place"
  fi
  mount --rbind "$place" "$root$place" || fail "$place cannot be shared"
  mount -o remount,bind,ro,nosuid "$root$place" || fail "$place cannot be made read-only"
}
IFS=:
for each in $places; do share "$each"; done
unset IFS
mkdir -p "$root/proc" "$root/dev" "$root/home" "$root/old"
mount -t proc proc "$root/proc" || fail "no /proc"
for device in null zero urandom random; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device" || fail "no /dev/$device"
done
mkdir -p "$root/tmp"
mount -t tmpfs -o "size=$size,mode=1777" sandbox "$root/tmp" || fail "no /tmp"
mount -t tmpfs -o "size=$size,mode=777" sandbox "$root/home" || fail "no home"
IFS=:
for each in $more; do share "$each"; done
unset IFS
cd "$root"
pivot_root . old || fail "the root cannot be changed"
cd /home
umount -l /old || fail "the old root stays"
rmdir /old
mount -o remount,bind,ro / || fail "the root cannot be made read-only"
# Not exec: the first process of a namespace does not obey the signals of its own limits.
setpriv --no-new-privs --inh-caps=-all --bounding-set="$capabilities" -- "$@"
