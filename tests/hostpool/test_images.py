"""`hostpool image` and `hostpool images` against the emulator, on the wire of the real SDK clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cloud.policies import WriteGuard
from emulator import guests
from hostpool.main import main
from hostpool.session import World
from rollout.azure import Azure
from rollout.clock import Clock
from rollout.names import TARGET
from simulation.emulated_pool import DEFINITION, POOL
from simulation.golden_vm import GOLDEN, GoldenVm, golden_vm
from simulation.in_process import in_process_cloud
from simulation.virtual_time import VirtualLoop

Hostpool = Callable[..., Result]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


@pytest.fixture
def golden(loop: VirtualLoop) -> GoldenVm:
    async def prepared() -> GoldenVm:
        made = await golden_vm()
        await made.turn_off()
        return made

    return loop.run_until_complete(prepared())


@pytest.fixture
def hostpool(loop: VirtualLoop, golden: GoldenVm) -> Hostpool:
    def run(*arguments: str, **environment: str) -> Result:
        @asynccontextmanager
        async def opened(_: Mapping[str, str], __: str, clock: Clock, guard: WriteGuard) -> AsyncIterator[Azure]:
            async with in_process_cloud(golden.emulator, clock, write_guard=guard) as azure:
                yield azure

        def within(work: Coroutine[Any, Any, Any]) -> Any:
            return loop.run_until_complete(work)

        given = {"HOSTPOOL_GOLDEN_VM": GOLDEN, "HOSTPOOL_IMAGE": golden.definition, **environment}
        world = World(given, opened, lambda _: golden.clock, "ada@desk-7", within)
        return CliRunner().invoke(main, arguments, obj=world)

    return run


def snapshots(golden: GoldenVm) -> list[str]:
    return [each.body["name"] for each in golden.emulator.world.resources.values() if "/snapshots/" in each.id]


def power(golden: GoldenVm) -> str:
    vm = golden.emulator.world.get(GOLDEN)
    assert vm is not None
    return guests.machine_of(golden.emulator.world, vm).power


def test_opened_backed_up_captured_and_listed(hostpool: Hostpool, golden: GoldenVm) -> None:
    assert hostpool("images").output == "no version of this image definition yet\n"
    opened = hostpool("image", "open")
    assert opened.exit_code == 0 and opened.output.startswith("backed up as golden-20260112-"), opened.output
    assert power(golden) == "running"
    assert hostpool("image", "checkpoint").exit_code == 0
    assert len(snapshots(golden)) == 2 and all(name.endswith("-checkpoint") for name in snapshots(golden))

    captured = hostpool("image", "capture", "--version", "1.0.*", "--region", "westeurope")
    assert captured.exit_code == 0, captured.output
    assert captured.stdout.startswith("win11/1.0.0 captured in ") and "phase prepare" in captured.stderr
    [row] = json.loads(hostpool("images", "--json").stdout)
    assert (row["version"], row["made_by"]) == ("1.0.0", "capture of golden")
    assert row["golden_vm"] == "golden" and row["snapshot"].endswith("-after")
    assert (row["latest"], row["regions"], row["boot_test"]) == ("offered", ["West Europe"], "passed")
    assert "1.0.0" in hostpool("images").output and power(golden) == "running"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The values of the stack `dev` of a program in whose folder we are: it captures the golden VM."""
    values = {
        "location": "westeurope",
        "host_pool_id": POOL,
        "image": DEFINITION,
        "golden_image": {
            "source_vm_id": GOLDEN,
            "version": "1.0.*",
            "updates": [{"name": "office", "script": ["Write-Output 'updated'"]}],
            "boot_test": {"script": ["exit 0"]},
        },
        "rollout": {
            "local_admin": dict.fromkeys(("username_secret", "password_secret"), "https://kv.vault.azure.net/secrets/s")
        },
    }
    write_stack(tmp_path, values)
    monkeypatch.chdir(tmp_path)
    return values


def write_stack(folder: Path, values: Mapping[str, Any]) -> None:
    (folder / "Pulumi.yaml").write_text("name: avd\nruntime: python\n")
    config = {f"avd:{name}": value for name, value in values.items()}
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))


def test_by_a_stack_it_captures_what_pulumi_up_would(
    hostpool: Hostpool, golden: GoldenVm, loop: VirtualLoop, stack: dict[str, Any]
) -> None:
    nothing = hostpool("check", "--stack", "dev")
    assert nothing.exit_code == 1 and "stack dev has captured no version yet: run pulumi up first" in nothing.output
    captured = hostpool("image", "capture", "--stack", "dev", HOSTPOOL_GOLDEN_VM="", HOSTPOOL_IMAGE="")
    assert captured.exit_code == 0, captured.output
    [row] = json.loads(hostpool("images", "--stack", "dev", "--json", HOSTPOOL_IMAGE="").stdout)
    assert (row["version"], row["updates"], row["boot_test"]) == ("1.0.0", "office", "passed")
    again = loop.run_until_complete(golden.capture(**{**stack["golden_image"], "version": "1.0.0"}))
    assert not again.made, "a run of the stack finds it there"
    pool = golden.emulator.world.get(POOL)
    assert pool is not None
    pool.body.setdefault("tags", {})[TARGET] = f"{DEFINITION}/versions/1.0.0"
    [row] = json.loads(hostpool("images", "--json").stdout)
    assert row["pools"] == ["hp1"]
    checked = hostpool("check", "--stack", "dev")
    assert "hp1 to 1.0.0: " in checked.output, checked.output

    twice = hostpool("image", "open", "--stack", "dev", "--vm", GOLDEN)
    assert twice.exit_code == 2 and "--vm: stack dev declares it; leave one of the two out" in twice.output
    without = {**stack, "image_version": "1.0.0"}
    del without["golden_image"]
    write_stack(Path.cwd(), without)
    none = hostpool("image", "capture", "--stack", "dev")
    assert none.exit_code == 2 and "stack dev declares no golden_image" in none.output


def test_what_is_asked_wrongly_is_one_line(hostpool: Hostpool) -> None:
    none = hostpool("image", "open", HOSTPOOL_GOLDEN_VM="")
    assert none.exit_code == 2 and "add --vm ID or set HOSTPOOL_GOLDEN_VM" in none.output
    wrong = hostpool("image", "capture", "--image", "win11", "--version", "1.0.0")
    assert wrong.exit_code == 2 and "--image: 'win11' is no such id; write /subscriptions/" in wrong.output
    unsaid = hostpool("image", "capture")
    assert unsaid.exit_code == 2 and "add --version x.y.z, or --version 'x.y.*'" in unsaid.output
    bad = hostpool("image", "capture", "--version", "one")
    assert bad.exit_code == 2 and "version: 'one' is no version" in bad.output
    gone = hostpool("image", "checkpoint", "--vm", GOLDEN.replace("golden", "silver"))
    assert gone.exit_code == 1 and "golden VM silver does not exist" in gone.output
