#!/bin/sh
# Remove all that `make` made in the work tree. Nothing outside it was written.
set -eu

cd "$(dirname "$0")/.."
if [ -n "${HOSTPOOL_CACHE:-}" ]; then # that folder may hold what others made: only our own part of it goes
    rm -rf "$HOSTPOOL_CACHE/avd-hostpool-image-update"
fi
rm -rf .cache .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
find . -name .git -prune -o -type d \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
