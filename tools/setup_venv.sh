#!/bin/sh
# The virtual environment .venv: everything in requirements.lock, each file checked against its hash, and this project
# itself, editable. By uv where it is on PATH, else by python3 with venv and pip. Registries are those that the machine
# is set up for. A second run starts at once: the stamp is written last and names what the environment was made from.
set -eu

cd "$(dirname "$0")/.."
project=$(pwd)
python=.venv/bin/python
stamp=.venv/made-from
wanted="$(cat requirements.lock pyproject.toml tools/setup_venv.sh | cksum)
in $project"

say() { printf '%s\n' "$*" >&2; }

if [ -f "$stamp" ] && [ -x "$python" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

if [ -f "$stamp" ] && ! grep -qxF "in $project" "$stamp"; then
    rm -rf .venv # its scripts name the folder that it was made in
fi

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

by_uv() {
    command -v uv >/dev/null 2>&1 || return 1
    if ! works "$python"; then
        rm -rf .venv
        uv venv --quiet --python '>=3.11' .venv || return 1
    fi
    uv pip install --quiet --python "$python" --require-hashes -r requirements.lock || return 1
    uv pip install --quiet --python "$python" --no-build-isolation --no-deps --editable . || return 1
}

by_pip() {
    if ! works "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then
        base=
        for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
            if works "$candidate"; then
                base=$candidate
                break
            fi
        done
        if [ -z "$base" ]; then
            say "error: Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1 || true)."
            say "Install it (Debian, Ubuntu: apt install python3 python3-venv), or uv, which brings its own."
            exit 1
        fi
        if ! "$base" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            say "error: $base has no venv or no ensurepip module."
            say "Install it (Debian, Ubuntu: apt install python3-venv), or uv, which needs neither."
            exit 1
        fi
        rm -rf .venv
        "$base" -m venv .venv
    fi
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
}

say "Setting up .venv from requirements.lock: about a minute, once."
rm -f "$stamp"
by_uv </dev/null || by_pip </dev/null
printf '%s\n' "$wanted" >"$stamp"
