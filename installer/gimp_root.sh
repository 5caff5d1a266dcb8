#!/bin/sh
# A real GIMP 3 for the tests, for systems that have none: a Debian 13 root folder.
#
#   sh installer/gimp_root.sh        builds it once, then prints where it is
#
# Needs root. About 3 minutes and 720 MB, in the user's cache folder.
set -eu

cache="${XDG_CACHE_HOME:-$HOME/.cache}/dnid-tests"
root="$cache/gimp3-root"

if [ -x "$root/usr/bin/gimp-console" ]; then
    echo "$root"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "Building a GIMP 3 for the tests needs root. Please run this as root, or install GIMP 3." >&2
    exit 1
fi
if ! command -v mmdebstrap >/dev/null; then
    echo "Installing mmdebstrap" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >&2
fi

# The mirror that this system uses already; apt has two forms of writing it down.
mirror="$(sed -n -E 's/^(deb|URIs:)( \[[^]]*\])? *(https?:[^ ]*debian\/?)( .*)?$/\3/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
    2>/dev/null | grep -v security | head -n 1)"

# Built beside and renamed, so that an interrupted run never looks like a finished one.
mkdir -p "$cache"
beside="$(mktemp -d "$cache/gimp3-root.XXXXXX")"
trap 'rm -rf "$beside"' EXIT
echo "Building a Debian 13 folder with GIMP 3 for the tests (about 3 minutes)" >&2
mmdebstrap --quiet --variant=apt --mode=root \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --include=gimp,python3-gi,python3-gi-cairo,xvfb,xauth,xdotool,imagemagick,openbox,fonts-dejavu-core,adwaita-icon-theme \
    trixie "$beside" ${mirror:+"$mirror"} >&2
chmod 755 "$beside"
rm -rf "$root"
mv "$beside" "$root"
trap - EXIT
echo "$root"
