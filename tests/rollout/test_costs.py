"""What is paid for beside the hosts: in a log, and told before."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import ahead
from rollout.clock import iso
from rollout.costs import Costs, spent
from rollout.host_timeline import Note
from rollout.images import Image
from rollout.names import build_key, new_disk
from rollout.observation import Host
from rollout.plan import hosts_to_update, wanted_id
from rollout.pool_record import RolloutRecord, State
from tests.support.observed import NOW, declaration, host, image, kept_disk, pool

MINUTE, HOUR = 60.0, 3600.0
IN_AN_HOUR = {"recur_every": "Day", "start": iso(NOW + HOUR)[11:16], "duration": "PT6H", "time_zone": "UTC"}
BUILT, UNBUILT, ATTACHED = "built a temporary VM from the image", "deleted the temporary VM", "attached disk vm-0_1"


def test_a_machine_counts_until_it_is_deleted_and_a_disk_until_it_is_attached() -> None:
    one = [Note(300, BUILT, 300), Note(600, UNBUILT, 60), Note(7200, ATTACHED, 10)]
    lies_still = [Note(300, BUILT, 300), Note(900, UNBUILT)]
    again = [
        Note(300, BUILT, 300),
        Note(600, UNBUILT),
        Note(2100, BUILT, 300),
        Note(2400, UNBUILT),
        Note(3600, ATTACHED),
    ]
    under_way = [Note(6900, BUILT, 300)]
    kept = [Note(50, ATTACHED)]
    assert spent([one], 7200) == Costs(1, 600 / HOUR, 2)
    assert spent([lies_still], 7200) == Costs(1, 900 / HOUR, 2)
    assert spent([again], 7200) == Costs(2, 1200 / HOUR, (2100 + 1800) / HOUR)
    assert spent([under_way], 7200) == Costs(1, 600 / HOUR, 600 / HOUR)
    assert spent([kept, []], 7200) == Costs(0, 0, 0)
    assert spent([one, under_way], 7200) == Costs(2, 1200 / HOUR, 2 + 600 / HOUR)
    assert Costs(1, 0.083, 9.6).line() == "1 disk: 0.1 hours of temporary machines, 10 disk hours"


def with_disk(name: str, target: Image, *, attempt: int = 1) -> Host:
    wanted = new_disk(name, build_key(f"guid-of-{name}", target.id, attempt))
    return host(name, kept=[kept_disk(wanted, name, "1.0.1", state="ready")])


def line(hosts: list[Host], *, ongoing: bool = False, **inputs: Any) -> str:
    declared, target = declaration(window=IN_AN_HOUR, canary={"hosts": 0}, **inputs), image()
    record = RolloutRecord(wanted_id(target, declared), 1, State.PAUSED, 0, n=len(hosts)) if ongoing else None
    found = pool(hosts, record=record)
    opening = next(declared.window.openings(NOW))  # type: ignore[union-attr]
    return ahead.line(found, target, declared, hosts_to_update(found, target, declared), opening)


def test_a_preview_says_what_is_built_ahead_and_what_that_costs_at_most() -> None:
    four = [host(f"vm-{number}") for number in range(4)]
    assert line(four) == ""  # none is declared
    # Each disk may lie for half an hour before the window and its 6 hours.
    told = line(four, build_ahead="PT30M")
    assert told.startswith("; from Mon 2026-01-12 21:") and told.endswith(
        " UTC are built 4 disks: 0.3 hours of temporary machines, 26 disk hours at most"
    )


def test_disks_that_are_ready_are_built_no_more() -> None:
    target = image()
    two = [with_disk("vm-0", target), host("vm-1")]
    assert "are built 1 disk:" in line(two, ongoing=True, build_ahead="PT30M")
    assert "are built 2 disks:" in line(two, build_ahead="PT30M")  # of an attempt that goes on no more
    other = [with_disk("vm-0", target, attempt=2), host("vm-1")]
    assert "are built 2 disks:" in line(other, ongoing=True, build_ahead="PT30M")
    both = [with_disk("vm-0", target), with_disk("vm-1", target)]
    assert line(both, ongoing=True, build_ahead="PT30M") == "; 2 disks are ready"


@pytest.mark.parametrize(
    ("inputs", "disks"),
    [
        ({}, 23),  # one host at a time, a quarter of an hour each, in 5 minutes less than six hours
        ({"max_unavailable": 4}, 40),
        ({"max_unavailable": 4, "canary": {"hosts": 1, "bake": "PT4H"}}, 25),
        ({"canary": {"hosts": 1, "bake": "PT6H"}}, 0),
    ],
)
def test_no_more_is_built_than_the_window_can_swap(inputs: dict[str, Any], disks: int) -> None:
    declared = declaration(**{"window": IN_AN_HOUR, "canary": {"hosts": 0}, "build_ahead": "PT30M", **inputs})
    target, hosts = image(), [host(f"vm-{number}") for number in range(40)]
    found = pool(hosts)
    works, opening = hosts_to_update(found, target, declared), next(declared.window.openings(NOW))  # type: ignore[union-attr]
    assert ahead.stock(found, target, declared, works, opening).disks == disks
