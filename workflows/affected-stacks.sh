#!/usr/bin/env bash
# The stacks that a change since a commit touches, as a JSON list: affected-stacks.sh origin/main
# A change of one stack's file touches that stack; one of documents, tests and workflows none; any other all of them.
set -euo pipefail
base=${1:?which commit to compare with}

changed=$(git diff --name-only "$base...HEAD")
all=$(git ls-files 'stacks/Pulumi.*.yaml' | sed -nE 's#^stacks/Pulumi\.(.+)\.yaml$#\1#p' | grep -vx emulator || true)
if grep -qvE '^(stacks|docs|tests|workflows|bench|demo|emulator|simulation)/|\.md$|^$' <<<"$changed"; then
  affected=$all
else
  affected=$(sed -nE 's#^stacks/Pulumi\.(.+)\.yaml$#\1#p' <<<"$changed" | grep -xF "$all" || true)
fi
jq --raw-input --slurp --compact-output 'split("\n") | map(select(. != "")) | unique' <<<"$affected"
