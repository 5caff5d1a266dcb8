#!/usr/bin/env bash
# Everything that must hold before a change lands:   bash installer/test.sh [pytest arguments]
set -euo pipefail
source "$(dirname "$0")/environment.sh"

make_environment "[dev]"

if ! (command -v gimp-console >/dev/null && gimp-console --version | grep -q ' 3\.'); then
    if [ "$(id -u)" = 0 ]; then
        say "GIMP 3 for the tests: $(sh installer/gimp_root.sh)"
    else
        say "NO REAL GIMP IS TESTED: there is no GIMP 3 here, and making one for the tests needs root."
    fi
fi

if browser="$(sh installer/browser.sh)"; then
    say "Browser for the tests: $browser"
else
    say "NO REAL BROWSER IS TESTED: none is here and none could be installed (the reason stands above)."
fi

say "ruff";          "$VENV/bin/ruff" check .
say "mypy";          "$VENV/bin/mypy"
say "import-linter"; "$VENV/bin/lint-imports"
say "pytest";        "$VENV/bin/python" -m pytest "$@"

say "pytest with spandrel"
if zoo="$(sh installer/zoo_environment.sh)"; then
    PYTHONPATH=daemon:model_packs "$zoo/bin/python" -m pytest -p no:cacheprovider \
        tests/networks/test_zoo.py tests/dnipack/test_zoo_import.py
else
    say "SPANDREL IS NOT TESTED: its environment could not be built (the reason stands above)."
fi
