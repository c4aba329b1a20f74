"""`hostpool image` and `hostpool images` against the emulator, on the wire of the real SDK clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloud.policies import WriteGuard
from emulator import guests
from hostpool.main import main
from hostpool.session import World
from rollout.azure import Azure
from rollout.clock import Clock
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
    assert row["version"] == "1.0.0" and row["golden_vm"] == "golden" and row["snapshot"].endswith("-after")
    assert (row["latest"], row["regions"], row["boot_test"]) == ("offered", ["West Europe"], "")
    assert "1.0.0" in hostpool("images").output and power(golden) == "running"


def test_what_is_asked_wrongly_is_one_line(hostpool: Hostpool) -> None:
    none = hostpool("image", "open", HOSTPOOL_GOLDEN_VM="")
    assert none.exit_code == 2 and "add --vm ID or set HOSTPOOL_GOLDEN_VM" in none.output
    wrong = hostpool("image", "capture", "--image", "win11", "--version", "1.0.0")
    assert wrong.exit_code == 2 and "--image: 'win11' is no such id; write /subscriptions/" in wrong.output
    bad = hostpool("image", "capture", "--version", "one")
    assert bad.exit_code == 2 and "version: 'one' is no version" in bad.output
    gone = hostpool("image", "checkpoint", "--vm", GOLDEN.replace("golden", "silver"))
    assert gone.exit_code == 1 and "golden VM silver does not exist" in gone.output
