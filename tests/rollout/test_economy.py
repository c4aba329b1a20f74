"""What a rollout costs in calls, counted by the emulator: reads are what thousands of hosts share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from simulation.virtual_time import virtually
from tests.support.pools import bench

HOSTS = 12
MOST = {
    "operations": 76,
    "sessionHosts": 78,
    "virtualMachines": 37,
    "userSessions": 16.5,
    "disks": 11,
    "networkInterfaces": 7.5,
}
"""Reads for each host, by what is read: a tenth more than what it is."""
MOST_WRITES, MOST_DELETES = 41, 9.3
"""The same, with five users on each host, who get messages."""


def kind_of(path: str) -> str:
    """The type of the resource that a path reads, or `operations`."""
    segments = path.strip("/").split("/")
    types = {each.lower(): each for each in MOST}
    last = segments[segments.index("providers") + 2 :: 2][-1]
    return "operations" if "operations" in path.lower() else types.get(last.lower(), last)


def test_a_rollout_of_a_small_pool_costs_no_more_calls_than_this(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=HOSTS, sessions_per_host=5, latency=True)
        before = len(made.control("GET", "requests", since="0")["requests"])
        outcome = await made.roll()
        assert outcome.status == "complete", outcome.summary
        requests = made.control("GET", "requests", since=str(before))["requests"]
        arm = [request for request in requests if "/providers/" in request["path"]]
        reads = Counter(kind_of(request["path"]) for request in arm if request["method"] == "GET")
        over = {kind: reads[kind] / HOSTS for kind, most in MOST.items() if reads[kind] > most * HOSTS}
        assert not over, over
        methods = Counter(request["method"] for request in arm)
        assert methods["DELETE"] <= MOST_DELETES * HOSTS
        assert sum(methods[each] for each in ("PUT", "PATCH", "POST")) <= MOST_WRITES * HOSTS
        assert not [request for request in arm if request["status"] == 429]

    virtually(story())
