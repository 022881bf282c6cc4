#!/usr/bin/env bash
# Installs the third-party programs of the tests, two OAI-PMH servers and the reference implementation
# of ResourceSync (resync-sync, resync-build, resync-simulator), into .venv at the root of the
# repository, or into the folder named as the first argument. Does nothing when they are there
# already.
#
# Exit status 3: this machine cannot have them (no Python 3.11 or later, or no venv module).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${1:-$here/../../../.venv}
python=${PYTHON:-python3}
requirements=(
    "$here/requirements.txt" "$here/requirements-resync.txt" "$here/requirements-oai-repo.txt"
)

if cat "${requirements[@]}" | cmp -s - "$venv/installed.txt"; then
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "the third-party programs need Python 3.11 or later (as $python)" >&2
    exit 3
fi
rm -rf "$venv"
if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "$python cannot make virtual environments; on Debian, install python3-venv" >&2
    exit 3
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "${requirements[@]/#/--requirement=}"
cat "${requirements[@]}" >"$venv/installed.txt"
