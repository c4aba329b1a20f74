"""Pre-check of Microsoft Graph."""

from __future__ import annotations

from typing import Any

from rollout.errors import Unreachable
from tests.support.fake_azure import FakeAzure
from tests.support.observed import host, pool
from tests.support.prechecked import ids, only

HOSTS = pool([host(name, domain="", vm={"identity": {"type": "SystemAssigned"}}) for name in ("vm-0", "vm-1")])
ENTRA: dict[str, Any] = {"join": {"type": "entra"}}


async def test_devices_that_may_not_be_read_are_told_with_what_to_grant() -> None:
    found = await only(HOSTS, FakeAzure(refuse={"count_directory_devices"}), device_cleanup="graph", **ENTRA)
    assert (found.id, found.subject) == ("graph-forbidden", "device_cleanup: 'graph'")
    assert "Device.ReadWrite.All" in found.remedy


async def test_graph_is_asked_for_one_host_and_only_where_it_deletes_devices() -> None:
    fake = FakeAzure()
    assert await ids(HOSTS, fake, device_cleanup="graph", **ENTRA) == []
    assert [call for call in fake.calls if "directory" in call] == ["count_directory_devices vm-0"]
    fake = FakeAzure()
    assert await ids(HOSTS, fake, device_cleanup="leave", **ENTRA) == []
    assert not any("directory" in call for call in fake.calls)


async def test_a_graph_that_cannot_be_reached_is_told() -> None:
    class Silent(FakeAzure):
        async def count_directory_devices(self, display_name: str) -> int:
            raise Unreachable(0, "NoAnswer", "no answer")

    found = await only(HOSTS, Silent(), device_cleanup="graph", **ENTRA)
    assert found.id == "graph-unreadable" and "0 NoAnswer" in found.problem
