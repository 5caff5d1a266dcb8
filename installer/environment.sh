# Sourced by try.sh and test.sh: the checkout's own .venv with the project installed in it.
#
#   make_environment EXTRA     makes or refreshes .venv; EXTRA is "" or "[dev]"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV="$PWD/.venv"

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

find_python() {
    local name
    for name in python3.11 python3 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed. On Debian and Ubuntu: sudo apt install python3-venv"
}

# Debian's python3 comes without venv; it is a package of its own.
make_venv() {
    local python="$1"
    "$python" -m venv "$VENV" >/dev/null 2>&1 && return
    rm -rf "$VENV"
    local package
    package="$("$python" -c 'import sys; print(f"python3.{sys.version_info.minor}-venv")')"
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "Python's venv module is missing. On Debian and Ubuntu: sudo apt install $package"
    say "Installing $package"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >&2
    "$python" -m venv "$VENV"
}

make_environment() {
    local extra="$1" wanted
    [ -x "$VENV/bin/python" ] || make_venv "$(find_python)"
    wanted="$extra $(cat pyproject.toml installer/constraints.txt | sha256sum)"
    [ "$(cat "$VENV/installed$extra" 2>/dev/null)" = "$wanted" ] && return
    say "Installing dnid$extra into .venv (torch is large: a few minutes the first time)"
    "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar on \
        --constraint installer/constraints.txt --editable ".$extra" >&2
    echo "$wanted" >"$VENV/installed$extra"
}
