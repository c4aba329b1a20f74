"""`hostpool plan`: the next update from the stored declaration."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from hostpool.main import main
from rollout import names
from rollout.azure import Body
from rollout.pool_record import RolloutRecord, State, declaration_tags
from simulation.virtual_time import EPOCH
from tests.hostpool.literal_azure import INPUTS, OLD, LiteralAzure
from tests.hostpool.night import IMAGE, ROLLOUT, VERSION_ID


class WithGallery(LiteralAzure):
    """Knows the one image version."""

    async def get_image_definition(self, definition_id: str) -> Body | None:
        return {"id": IMAGE, "location": "westeurope", "properties": {"osType": "Windows", "hyperVGeneration": "V2"}}

    async def get_image_version(self, version_id: str) -> Body | None:
        regions = [{"name": "West Europe", "regionalReplicaCount": 2}]
        properties = {"provisioningState": "Succeeded", "publishingProfile": {"targetRegions": regions}}
        return {"id": VERSION_ID, "name": "1.0.1", "location": "westeurope", "properties": properties}


def pool(*todo: str) -> WithGallery:
    azure = WithGallery()
    azure.tags = {
        names.RECORD: RolloutRecord(ROLLOUT, 1, State.COMPLETE, 0).encode(),
        names.TARGET: VERSION_ID,
        **declaration_tags(INPUTS),
    }
    for name in ("vm-0", "vm-1", "vm-2", "vm-9"):
        azure.add(name, image=OLD if name in todo else VERSION_ID, sessions=5 - int(name[-1]) % 5)
    return azure


def planned(azure: LiteralAzure, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", *arguments], obj=azure.world())


def test_hosts_are_listed_in_the_order_in_which_they_start_and_excluded_ones_are_not() -> None:
    result = planned(pool("vm-0", "vm-2", "vm-9"))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "hp-finance to 1.0.1: 2 of 4 hosts need work",
        "  vm-2  1.0.0 -> 1.0.1 (canary)",
        "  vm-0  1.0.0 -> 1.0.1",
        "2 hosts in this order; up to 2 unavailable at once",
    ]


def test_what_is_no_host_comes_last() -> None:
    azure = pool("vm-0")
    azure.keep_disk("vm-1", until=EPOCH - 1)
    data = json.loads(planned(azure, "--json").stdout)
    assert list(data["plan"].items()) == [("vm-0", "1.0.0 -> 1.0.1 (canary)"), ("cleanup", "1 disk")]
    assert (data["version"], data["image"]) == ("1.0.1", VERSION_ID)


def test_nothing_to_do_is_said_and_nothing_is_ever_written() -> None:
    azure = pool()
    azure.tags[names.PAUSE] = "ada"
    assert planned(azure).stdout.splitlines()[1:] == [
        "paused by ada: no host starts until hostpool resume",
        "Nothing to do.",
    ]
    assert azure.written == []
