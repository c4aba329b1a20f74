"""The demo's copy of the program, and the emulator's variables."""

from __future__ import annotations

from pathlib import Path

from demo.emulated_azure import read_environment
from demo.pulumi_cli import PROGRAM, PROJECT, Pulumi, command


def test_the_cli_works_on_a_copy_of_the_tracked_files(tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path, {"PATH": "/bin"})
    for name in PROGRAM:
        copied, tracked = pulumi.program / name, PROJECT / name
        assert copied.read_bytes() == tracked.read_bytes()
        assert not copied.samefile(tracked)
    assert pulumi.environment["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/state"


def test_the_packages_are_those_of_the_project_and_earlier_paths_stay(tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path, {"PYTHONPATH": "/opt/more"})
    assert pulumi.environment["PYTHONPATH"].split(":") == [str(PROJECT), "/opt/more"]


def test_every_command_names_the_stack_and_asks_nothing() -> None:
    assert command("up", "--yes") == ["pulumi", "up", "--yes", "--stack", "emulator", "--non-interactive"]
    assert command("stack", "init") == ["pulumi", "stack", "init", "emulator", "--non-interactive"]


def test_variables_are_read_from_export_lines(tmp_path: Path) -> None:
    lines = "# emulator ready\nexport ARM_TENANT_ID='2222'\nexport HOSTPOOL_CLOCK='1.5,2.5,240'\nexport EMPTY=''\n"
    (tmp_path / "environment").write_text(lines)
    assert read_environment(tmp_path / "environment") == {
        "ARM_TENANT_ID": "2222",
        "HOSTPOOL_CLOCK": "1.5,2.5,240",
        "EMPTY": "",
    }
