"""Autoscale is kept from hosts in work for the whole time, and gets them back in whatever way a run ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rollout import names
from simulation.process import Died, Kill, Process
from simulation.references import pause, resume
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, POOL, Bench, bench

PLAN = f"{GROUP}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1"
SHORT = {"timeout": "PT30M"}


async def scaled(folder: Path) -> tuple[Bench, str, Any]:
    """A pool with an active plan that switches nobody off, the plan's tag, and the plan."""
    made = await bench(folder, hosts=3, users=0, scaling_plan=True)
    plan = made.ask("GET", PLAN, None, "2024-04-03").body
    (schedule,) = plan["properties"]["schedules"]
    schedule |= {"rampUpMinimumHostsPct": 100, "rampDownMinimumHostsPct": 100}
    assert made.ask("PUT", PLAN, plan, "2024-04-03").status == 200
    return made, plan["properties"]["exclusionTag"], made.ask("GET", PLAN, None, "2024-04-03").body


def excluded(made: Bench, tag: str) -> list[str]:
    return [f"vm-{n}" for n in range(3) if tag in (made.vm(f"vm-{n}").get("tags") or {})]


def fail(made: Bench, fault: str, host: str, image: str) -> None:
    rule = {"id": "bad", "effect": {"type": "guest", "host": host, "image": image, "fault": fault}}
    made.control("POST", "faults", {"seed": 1, "rules": [rule]})


def put_back(made: Bench, tag: str, plan: Any) -> None:
    assert excluded(made, tag) == [] and made.ask("GET", PLAN, None, "2024-04-03").body == plan
    took = [w.path for w in made.wire.exchanges if w.write and "scalingplans" in w.path.lower()]
    assert took == [], "the plan itself is never written"
    for n in range(3):
        host = made.ask("GET", f"{POOL}/sessionHosts/vm-{n}.contoso.com", None, "2024-04-03").body["properties"]
        assert host["allowNewSession"] is True and host["status"] == "Available"


@pytest.mark.parametrize(
    ("ends", "inputs", "fault"),
    [
        ("complete", {}, None),
        ("stopped", {"verify": SHORT}, ("unhealthy", "^vm-", r"1\.0\.1$")),
        ("complete_with_failures", {"max_failed": 2.0, "verify": SHORT}, ("join_fails", "^vm-1$", r"1\.0\.1$")),
    ],
)
def test_hosts_are_autoscales_again_however_the_run_ends(
    tmp_path: Path, ends: str, inputs: dict[str, Any], fault: tuple[str, str, str] | None
) -> None:
    async def story() -> None:
        made, tag, plan = await scaled(tmp_path)
        if fault is not None:
            fail(made, *fault)
        outcome = await made.roll(canary={"hosts": 0.0 if ends != "stopped" else 1.0}, **inputs)
        assert outcome.status == ends, outcome.summary
        assert any(tag in str(w.body) for w in made.wire.exchanges if w.method == "PATCH"), "nobody was excluded"
        put_back(made, tag, plan)

    virtually(story())


def test_hosts_are_autoscales_again_after_a_pause_and_after_a_crash(tmp_path: Path) -> None:
    async def story() -> None:
        made, tag, plan = await scaled(tmp_path)
        work = asyncio.ensure_future(made.roll(max_unavailable=1.0))
        while not excluded(made, tag):
            await made.clock.sleep(60)
        pause(made)
        assert (await work).status == "paused"
        assert excluded(made, tag) == []
        resume(made)
        with pytest.raises(Died):
            await made.roll(process=Process("killed@runner", Kill(at=1500.0)), max_unavailable=1.0)
        assert excluded(made, tag), "those in work stay excluded while nobody works on them"
        outcome = await made.roll(owner="next@runner", max_unavailable=1.0)
        assert outcome.status == "complete", outcome.summary
        put_back(made, tag, plan)

    virtually(story())


def test_a_host_that_neither_disk_brings_back_stays_excluded_until_the_next_attempt(tmp_path: Path) -> None:
    """Autoscale would take the drain off it, and send users to a broken host."""

    async def story() -> None:
        made, tag, plan = await scaled(tmp_path)
        fail(made, "never_registers", "^vm-0$", ".")
        outcome = await made.roll(include=["vm-0"], verify={"timeout": "PT25M"})
        assert outcome.hosts["failed"] == ["vm-0"], outcome
        assert excluded(made, tag) == ["vm-0"] and names.RECORD in made.vm("vm-0")["tags"]
        made.control("DELETE", "faults")
        assert (await made.roll(include=["vm-0"], verify={"timeout": "PT25M"})).status == "complete"
        put_back(made, tag, plan)

    virtually(story())
