#!/bin/sh
# An environment with the extra dnid[zoo] (spandrel), for the tests that need it.
#
#   sh installer/zoo_environment.sh        builds it once, then prints where it is
#
# spandrel imports torchvision, which must fit its torch to the letter; the CPU build of torch
# that the project pins has no fitting one in the package index. So these tests get a torch and
# a torchvision of their own (a CUDA build, about 6 GB), in the user's cache folder. The
# project itself is not installed there: the tests run against the checkout.
set -eu

cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/dnid-tests"
environment="$cache/zoo"
pinned="torch==2.14.1 torchvision==0.29.1 pytest pytest-timeout"

# Python itself reads pyproject.toml: what the project needs, and what the extra adds.
needed="$(python3 -c '
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["dependencies"] + project["optional-dependencies"]["zoo"]))
')"
wanted="$(printf '%s\n' "$needed" "$pinned" | sha256sum)"

if [ "$(cat "$environment/installed" 2>/dev/null)" = "$wanted" ]; then
    echo "$environment"
    exit 0
fi

# What is there is brought up to date; the note is written last, so that an interrupted run
# never looks like a finished one.
mkdir -p "$cache"
rm -f "$environment/installed"
echo "Making an environment with spandrel and torchvision for the tests (once; several GB)" >&2
[ -x "$environment/bin/python" ] || python3 -m venv "$environment" >&2
printf '%s\n' "$needed" >"$environment/requirements.txt"
# shellcheck disable=SC2086 # the pinned ones are words
nice "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$environment/requirements.txt" $pinned >&2
echo "$wanted" >"$environment/installed"
echo "$environment"
