#!/bin/sh
# A headless Chromium for the tests of `dni-pack report`.
#
#   sh installer/browser.sh        installs Debian's where there is none, then prints its path
#
# Needs root the first time. About half a minute and 330 MB.
set -eu

find_browser() {
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

find_browser && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "There is no Chromium here, and installing one needs root on Debian." >&2
    exit 1
fi
echo "Installing chromium-headless-shell" >&2
apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium-headless-shell fonts-dejavu-core >&2
find_browser
