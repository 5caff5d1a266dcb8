#!/usr/bin/env bash
# From a fresh checkout to a restored photo:   bash installer/try.sh
set -euo pipefail
source "$(dirname "$0")/environment.sh"

make_environment ""
say "Restoring the sample photo"
"$VENV/bin/python" installer/demo.py

status=0
found="$("$VENV/bin/python" installer/install_plugin.py)" || status=$?
case $status in
    0) say "GIMP"; echo "$found" ;;
    3) say "GIMP"; echo "No GIMP 3 was found; once it is there: .venv/bin/python installer/install_plugin.py" ;;
    *) exit "$status" ;;
esac
say "Your own photos"
echo "  .venv/bin/dnid apply PHOTO -o RESULT.png --denoise 0.4"
