#!/bin/sh
# enter_root.sh ROOT PATH... -- COMMAND...
#
# Runs COMMAND inside the folder ROOT with each PATH (or FROM=TO) of this system bound to the same
# path there. The mounts are in a namespace of their own and vanish with the command.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
if [ -z "${IN_NAMESPACE:-}" ]; then
    IN_NAMESPACE=1 exec unshare --mount "$0" "$@"
fi
unset IN_NAMESPACE
mount --make-rprivate /
root="$1"
shift
while [ "$1" != -- ]; do
    from="${1%%=*}"
    to="$root${1#*=}"
    if [ -d "$from" ]; then
        mkdir -p "$to"
    else
        [ -e "$to" ] || : > "$to"
    fi
    mount --rbind "$from" "$to"
    shift
done
shift
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
