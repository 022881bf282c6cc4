#!/usr/bin/env bash
# Installs the third-party OAI-PMH server that the tests harvest into .venv at the root of the
# repository, or into the folder named as the first argument. Does nothing when it is there already.
#
# Exit status 3: this machine cannot have it (no Python 3.11 or later, or no venv module).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${1:-$here/../../../.venv}
python=${PYTHON:-python3}

if cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "the third-party server needs Python 3.11 or later (as $python)" >&2
    exit 3
fi
rm -rf "$venv"
if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "$python cannot make virtual environments; on Debian, install python3-venv" >&2
    exit 3
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$here/requirements.txt"
cp "$here/requirements.txt" "$venv/installed.txt"
