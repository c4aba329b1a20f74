"""Every kind of image as the target of a whole rollout: gallery `latest`, marketplace, managed image."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.errors import PreCheckFailed
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, Bench, bench


def image_of(made: Bench, name: str) -> str:
    guest = made.control("GET", "state")["guests"][made.vm(name)["properties"]["vmId"]]
    return str(guest["imageVersionId"])


def test_latest_is_the_newest_version_that_is_not_excluded(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        outcome = await made.roll(version="latest", max_unavailable=1.0)
        assert outcome.status == "complete" and outcome.image_version_id.endswith("/versions/1.0.1")
        assert made.os_disk_image("vm-0") == "1.0.1"

    virtually(story())


def test_a_marketplace_image(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        outcome = await made.roll(
            image="MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365", version="latest", max_unavailable=1.0
        )
        assert outcome.status == "complete", outcome.summary
        assert "win11-24h2-avd-m365" in image_of(made, "vm-0").lower()
        n = len(made.control("GET", "requests", since="0")["requests"])
        again = await made.roll(
            image="MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365", version="latest", max_unavailable=1.0
        )
        later = made.control("GET", "requests", since="0")["requests"][n:]
        assert again.status == "complete" and all(call["method"] == "GET" for call in later)

    virtually(story())


def test_a_managed_image_is_refused_for_trusted_launch_hosts_with_its_remedy(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        image = f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"
        with pytest.raises(PreCheckFailed, match=r"vm-0.*TrustedLaunch"):
            await made.roll(image=image, version="latest", max_unavailable=1.0)

    virtually(story())


def test_a_managed_image_on_standard_hosts(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        for resource in made.emulator.world.resources.values():
            if str(resource.body.get("type")) in ("Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"):
                resource.body["properties"].pop("securityProfile", None)
        image = f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"
        outcome = await made.roll(image=image, version="latest", max_unavailable=1.0)
        assert outcome.status == "complete", outcome.summary
        assert image_of(made, "vm-0").lower() == image.lower()

    virtually(story())
