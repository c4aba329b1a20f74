"""The way back: old disks are kept for the declared time, found again, and removed when their date has passed."""

from __future__ import annotations

from pathlib import Path

from rollout import names
from rollout.values import DAY
from simulation.virtual_time import virtually
from tests.support.pools import Bench, bench


def os_disks(made: Bench) -> dict[str, dict[str, str]]:
    """Tags of the OS disks by name."""
    resources = made.control("GET", "state")["resources"]
    return {
        str(body["name"]): dict(body.get("tags") or {})
        for key, body in resources.items()
        if "/disks/" in key and "_osdisk_" in key
    }


def test_old_disks_are_kept_for_the_declared_time_and_then_cleaned_up(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        await made.roll(keep_old_disk="P2D")
        kept = [tags for tags in os_disks(made).values() if tags.get(names.DISK_STATE) == "old"]
        assert len(kept) == 2 and all(names.DISK_KEEP_UNTIL in tags for tags in kept)
        await made.clock.sleep(1.5 * DAY)
        await made.roll(keep_old_disk="P2D")
        assert len(os_disks(made)) == 4, "their date has not passed"
        await made.clock.sleep(DAY)
        outcome = await made.roll(keep_old_disk="P2D")
        assert outcome.status == "complete"
        assert len(os_disks(made)) == 2
        for name in ("vm-0", "vm-1"):
            assert made.os_disk_image(name) == "1.0.1"

    virtually(story())


def test_with_no_time_to_keep_them_old_disks_go_at_the_end_of_the_run(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        assert (await made.roll(keep_old_disk="PT0S")).status == "complete"
        assert len(os_disks(made)) == 2

    virtually(story())


def test_forward_again_after_a_revert_attaches_the_disk_that_was_built_first(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        await made.roll(max_unavailable=1.0)
        built = made.vm("vm-0")["properties"]["storageProfile"]["osDisk"]["name"]
        await made.roll(max_unavailable=1.0, version="1.0.0")
        outcome = await made.roll(max_unavailable=1.0)
        assert outcome.status == "complete"
        assert made.vm("vm-0")["properties"]["storageProfile"]["osDisk"]["name"] == built
        assert made.os_disk_image("vm-0") == "1.0.1"
        assert len(os_disks(made)) == 2

    virtually(story())
