"""Operations and durations: what does not depend on a resource type."""

from __future__ import annotations

import statistics

import pytest

from emulator import clock, durations
from emulator.world import Resources, World
from tests.emulator.arm_client import COMPUTE, LOCATION, Client

DISK = {"location": LOCATION, "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}}


def test_status_bodies_of_compute(azure: Client) -> None:
    answer = azure.put(f"{COMPUTE}/disks/d1", DISK)
    url = answer.headers.find("Azure-AsyncOperation")
    assert url is not None
    running = azure.get(url)
    assert (running.status, list(running.body)) == (200, ["startTime", "status", "name"])
    assert running.body["status"] == "InProgress"
    done = azure.finish(answer)
    assert list(done) == ["startTime", "endTime", "status", "properties", "name"]


def test_compressed_time_replaces_retry_after(azure: Client) -> None:
    """Clients read Retry-After first, and in whole seconds only."""
    clock.start(azure.world, 100.0)
    answer = azure.put(f"{COMPUTE}/disks/d1", DISK)
    assert answer.headers.find("Retry-After") is None
    assert answer.headers.find("retry-after-ms") == "20"


def test_every_status_answer_of_compressed_time_says_when_to_ask_again(azure: Client) -> None:
    answer = azure.put(f"{COMPUTE}/disks/d1", DISK)
    azure.world.sections["operations"][next(iter(azure.world.sections["operations"]))].ends += 1  # never due
    clock.start(azure.world, 100.0)
    url = answer.headers.find("Azure-AsyncOperation")
    assert url is not None
    waits = [azure.get(url).headers.find("retry-after-ms") for _ in range(3)]
    assert waits == ["100", "100", "100"]


def test_an_unknown_operation(azure: Client) -> None:
    path = "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Compute/locations/x/operations/y"
    assert azure.get(path).status == 404


def test_what_is_not_emulated_is_a_clear_501(azure: Client) -> None:
    answer = azure.call("POST", f"{COMPUTE}/virtualMachines/vm/reimage", {})
    assert answer.status == 501
    assert "POST" in answer.body["error"]["message"]
    assert "/reimage" in answer.body["error"]["message"]


@pytest.mark.parametrize("name", sorted(durations.ROWS))
def test_each_row_is_ordered_and_names_its_source(name: str) -> None:
    row = durations.ROWS[name]
    assert row.p10 <= row.median <= row.p90
    assert row.source


def test_draws_meet_the_percentiles_of_their_row() -> None:
    world = World(now=0, seed=3)
    drawn = [durations.draw(world, "vm create windows image", f"/vm-{n}") for n in range(2000)]
    row = durations.ROWS["vm create windows image"]
    cuts = statistics.quantiles(drawn, n=10)
    assert cuts[0] == pytest.approx(row.p10, rel=0.1)
    assert statistics.median(drawn) == pytest.approx(row.median, rel=0.1)
    assert cuts[8] == pytest.approx(row.p90, rel=0.1)


def test_a_draw_depends_on_seed_row_subject_and_turn_only() -> None:
    one, other = World(now=0, seed=1), World(now=0, seed=1)
    durations.draw(other, "guest boot", "/vm-2")
    other.random.random()
    assert durations.draw(one, "guest boot", "/vm-1") == durations.draw(other, "guest boot", "/VM-1")
    assert durations.draw(one, "guest boot", "/vm-1") != durations.draw(World(now=0, seed=2), "guest boot", "/vm-1")
    assert [d["name"] for d in one.sections["draws"]] == ["guest boot", "guest boot"]


def test_resources_are_found_by_prefix_after_deletion_and_copy() -> None:
    world = World(now=0)
    for name in ("/a/b/one", "/a/b/one/child", "/a/bc"):
        world.put(name, {"type": "T"})
    assert [r.id for r in world.under("/A/b")] == ["/a/b/one", "/a/b/one/child"]
    world.delete("/a/b/one")
    copied = Resources(dict(world.resources))
    assert copied.keys_below("/a/b") == ["/a/b/one/child"]
    assert copied.keys_below("/a") == ["/a/b/one/child", "/a/bc"]
