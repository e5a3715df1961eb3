#!/usr/bin/env bash
# Make .venv: every dependency by its hash, then the project itself, editable. Called by `make venv`.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "venv: $1" >&2
    exit 3
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "python3 must be 3.11 or newer (found: $(python3 --version 2>&1 | tail -1))"

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then # Debian keeps them apart from python3
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null ||
        fail "python3 has no venv module; install it (Debian: apt-get install python3-venv) and run again"
    echo "venv: installing python3-venv" >&2
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv; } \
        >/dev/null || fail "python3-venv could not be installed"
fi

pip() {
    .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"
}

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then # none yet, or one whose python is gone
    python3 -m venv --clear .venv
fi
echo "venv: installing the locked dependencies" >&2
pip install --require-hashes -r requirements.lock
pip install --no-deps --no-build-isolation --editable .
