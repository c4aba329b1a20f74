"""`make setup` on machines that have or lack this and that: the real script, with executables made for the test."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A python3 of the version given; `-m venv` copies itself into an environment, `-m pip` writes its arguments down.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python @VERSION@" ;;
    *version_info*) [ "@OLD@" = no ] ;;
    *ensurepip*) [ "@ENSUREPIP@" = yes ] ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "venv" >>"$CALLS" ;;
    "-m pip --version") ;;
    "-m pip "*) echo "$*" >>"$CALLS"; [ -z "${PIP_DIES:-}" ] ;;
esac
"""


class Machine:
    """A copy of the project's setup files and a PATH with nothing on it but a few POSIX tools."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        (self.project / "tools").mkdir(parents=True)
        self.bin.mkdir()
        for script in ("setup_venv.sh", "clean.sh"):
            shutil.copy(ROOT / "tools" / script, self.project / "tools")
        (self.project / "pyproject.toml").write_text("[project]\n")
        (self.project / "requirements.lock").write_text("click==8.1.0\n")
        for tool in ("sh", "cat", "cksum", "cp", "dirname", "find", "grep", "mkdir", "rm"):
            (self.bin / tool).symlink_to(shutil.which(tool) or "")

    def put(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def put_python(self, version: str = "3.12.1", *, ensurepip: bool = True, name: str = "python3") -> None:
        old = tuple(int(part) for part in version.split(".")) < (3, 11)
        values = {"VERSION": version, "OLD": "yes" if old else "no", "ENSUREPIP": "yes" if ensurepip else "no"}
        self.put(name, re.sub(r"@([A-Z]+)@", lambda found: values[found.group(1)], FAKE_PYTHON))

    def run(self, script: str = "setup_venv.sh", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(self.project / "tools" / script)],
            env={"PATH": str(self.bin), "CALLS": str(self.calls_file), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_setup_installs_the_lock_by_hash_then_the_project_alone(machine: Machine) -> None:
    machine.put_python()
    assert machine.run().returncode == 0
    made, dependencies, project = machine.calls()
    assert made == "venv"
    assert "--require-hashes -r requirements.lock" in dependencies
    assert "--no-build-isolation --no-deps --editable ." in project


def test_a_second_setup_does_nothing_until_the_lock_changes(machine: Machine) -> None:
    machine.put_python()
    machine.run()
    before = machine.calls()
    again = machine.run()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert machine.calls() == before
    (machine.project / "requirements.lock").write_text("click==8.2.0\n")
    machine.run()
    assert len(machine.calls()) == len(before) + 2  # both installs, in the environment that is there


def test_an_interrupted_setup_is_not_taken_as_finished(machine: Machine) -> None:
    machine.put_python()
    assert machine.run(PIP_DIES="yes").returncode != 0
    assert not (machine.project / ".venv" / "made-from").exists()
    assert machine.run().returncode == 0
    assert any("--editable" in call for call in machine.calls())


def test_an_environment_that_was_moved_is_made_anew(machine: Machine) -> None:
    """The scripts in it name the folder they were made in."""
    machine.put_python()
    machine.run()
    machine.project = machine.project.rename(machine.project.with_name("moved"))
    machine.run()
    assert [call for call in machine.calls() if call == "venv"] == ["venv", "venv"]


def test_an_old_python_is_refused_with_the_remedy(machine: Machine) -> None:
    machine.put_python("3.10.13")
    refused = machine.run()
    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is Python 3.10.13" in refused.stderr
    assert "or uv" in refused.stderr
    assert machine.calls() == []


def test_a_newer_python_beside_an_old_python3_is_used(machine: Machine) -> None:
    machine.put_python("3.10.13")
    machine.put_python("3.13.0", name="python3.13")
    assert machine.run().returncode == 0
    assert machine.calls()[0] == "venv"


def test_a_python_without_ensurepip_is_refused_with_the_remedy(machine: Machine) -> None:
    machine.put_python(ensurepip=False)
    refused = machine.run()
    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr


def test_no_python_at_all_is_said(machine: Machine) -> None:
    refused = machine.run()
    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed" in refused.stderr


def test_uv_is_preferred(machine: Machine) -> None:
    machine.put("uv", '#!/bin/sh\necho "uv $*" >>"$CALLS"\nmkdir -p .venv\n')
    machine.put_python()
    assert machine.run().returncode == 0
    assert [call.split()[1] for call in machine.calls()] == ["venv", "pip", "pip"]
    assert "--require-hashes -r requirements.lock" in machine.calls()[1]


def test_pip_steps_in_where_uv_fails(machine: Machine) -> None:
    """uv does not read the registry settings that a machine has for pip."""
    machine.put("uv", '#!/bin/sh\necho "uv $*" >>"$CALLS"\nexit 2\n')
    machine.put_python()
    assert machine.run().returncode == 0
    assert machine.calls()[1] == "venv"


def test_clean_removes_what_was_made_and_nothing_else(machine: Machine, tmp_path: Path) -> None:
    machine.put_python()
    machine.run()
    shared = tmp_path / "shared"
    for folder in (
        machine.project / ".cache" / "toolchain",
        machine.project / "rollout" / "__pycache__",
        shared / "avd-hostpool-image-update" / "toolchain",
        shared / "of-others",
    ):
        folder.mkdir(parents=True)
    (machine.project / "rollout" / "plan.py").write_text("")
    assert machine.run("clean.sh", HOSTPOOL_CACHE=str(shared)).returncode == 0
    left = {str(path.relative_to(machine.project)) for path in machine.project.rglob("*") if path.is_file()}
    assert left == {"pyproject.toml", "requirements.lock", "rollout/plan.py", "tools/clean.sh", "tools/setup_venv.sh"}
    assert not (machine.project / ".cache").exists()
    assert not (machine.project / "rollout" / "__pycache__").exists()
    assert [path.name for path in shared.iterdir()] == ["of-others"]


def test_targets_of_the_makefile_are_listed() -> None:
    listed = subprocess.run(["make", "-s", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("setup", "toolchain", "demo", "emulator", "bench", "test", "lint", "format", "lock", "clean"):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def test_demo_passes_its_settings_on() -> None:
    command = ["make", "-n", "-C", str(ROOT), "demo", "HOSTS=200", "MAX_UNAVAILABLE=20", "SPEED=300"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "-m demo --hosts 200 --max-unavailable 20 --speed 300" in shown
