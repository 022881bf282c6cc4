#!/usr/bin/env bash
# Installs the third-party programs of the tests into .venv at the root of the repository, or into
# the folder named as the first argument: two OAI-PMH servers, OAI-PMH clients, and the reference
# implementation of ResourceSync (resync-sync, resync-build, resync-simulator), and schemathesis, which
# tries our API. Does nothing when they are there already.
#
# One client needs npm and a Node.js before version 22, and one is a package of Debian's,
# libhttp-oai-perl: they can be missing, which is told.
#
# Exit status 3: this machine cannot have them (no Python 3.11 or later, or no venv module).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${1:-$here/../../../.venv}
python=${PYTHON:-python3}
requirements=(
    "$here/requirements.txt" "$here/requirements-clients.txt" "$here/requirements-oai-repo.txt"
    "$here/requirements-resync.txt" "$here/requirements-api.txt"
)

install_python() {
    if cat "${requirements[@]}" | cmp -s - "$venv/installed.txt"; then
        return
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
}

install_npm() {
    local folder=$venv/npm
    if cmp -s "$here/package.json" "$folder/installed.json"; then
        return
    fi
    rm -rf "$folder"
    mkdir "$folder"
    cp "$here/package.json" "$folder"
    npm --prefix "$folder" install --silent --no-audit --no-fund --no-package-lock || return 0
    cp "$here/package.json" "$folder/installed.json"
}

install_python
if command -v npm >/dev/null; then
    install_npm
fi
if ! NODE_PATH=$venv/npm/node_modules node -e 'require("oai-pmh")' 2>/dev/null; then
    echo "SKIPPED: the OAI-PMH client oai-pmh: it needs npm, and a Node.js before version 22" >&2
fi
if ! perl -MHTTP::OAI -e 1 2>/dev/null; then
    echo "SKIPPED: the OAI-PMH client HTTP::OAI: on Debian, install libhttp-oai-perl" >&2
fi
