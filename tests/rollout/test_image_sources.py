"""Every kind of image as the target of a whole rollout: gallery `latest`, marketplace, managed image, and what others
share."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import scenario, scenario_outside
from emulator.authorization import assignments, roles
from emulator.resources import subscriptions
from emulator.world import Resource
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration, PreCheckFailed
from rollout.image_sources import resolve
from rollout.images import Image, same_image
from rollout.lease import Lease
from rollout.rehearsal import rehearse
from simulation.in_process import in_process_cloud
from simulation.virtual_time import virtually
from tests.support.pools import GROUP, INPUTS, POOL, Bench, bench


def image_of(made: Bench, name: str) -> str:
    guest = made.control("GET", "state")["guests"][made.vm(name)["properties"]["vmId"]]
    return str(guest["imageVersionId"])


def os_disk_of(made: Bench, name: str) -> Resource:
    disk = made.emulator.world.get(made.vm(name)["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])
    assert disk is not None
    return disk


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


SHARED, COMMUNITY = scenario_outside.SHARED_IMAGE, scenario_outside.COMMUNITY_IMAGE
PRIVATE = f"/subscriptions/{scenario_outside.OTHER}/resourceGroups/images/providers/Microsoft.Compute/galleries/private"
FOREIGN = PRIVATE.replace(scenario_outside.OTHER, scenario_outside.FOREIGN)


@pytest.mark.parametrize(
    ("image", "reference"), [(SHARED, "sharedGalleryImageId"), (COMMUNITY, "communityGalleryImageId")]
)
def test_an_image_that_others_share_is_rolled_out_once_and_can_be_taken_back(
    image: str, reference: str, tmp_path: Path
) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        how = {"image": image, "max_unavailable": 1.0, "keep_old_disk": "P2D"}
        first = await made.roll(version="1.0.0", **how)
        assert first.status == "complete", first.summary
        outcome = await made.roll(version="latest", **how)
        assert outcome.status == "complete", outcome.summary
        assert same_image(outcome.image_version_id, f"{image}/versions/1.0.1")
        assert same_image(image_of(made, "vm-0"), outcome.image_version_id)
        disk = os_disk_of(made, "vm-0")
        creation = disk.body["properties"]["creationData"]
        assert creation["galleryImageReference"] == {reference: outcome.image_version_id}
        assert creation["imageReference"] == {"id": outcome.image_version_id}

        n = len(made.control("GET", "requests", since="0")["requests"])
        again = await made.roll(version="latest", **how)
        later = made.control("GET", "requests", since="0")["requests"][n:]
        assert again.status == "complete" and all(call["method"] == "GET" for call in later)

        back = await made.roll(version="1.0.0", **how)
        swaps = made.control("GET", "requests", since="0")["requests"][n + len(later) :]
        assert back.status == "complete" and same_image(image_of(made, "vm-0"), f"{image}/versions/1.0.0")
        everything = made.control("GET", "requests", since="0")["requests"]
        assert any("/virtualMachines/avdtmp" in call["path"] for call in everything)
        assert not any("/virtualMachines/avdtmp" in call["path"] for call in swaps)  # the way back is the kept disk

    virtually(story())


def test_a_host_that_was_made_from_an_image_that_others_share_needs_no_work(tmp_path: Path) -> None:
    """Nothing but the disk's own creationData says what it is: no tag of ours."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        await made.roll(image=COMMUNITY, version="1.0.1", max_unavailable=1.0)
        disk = os_disk_of(made, "vm-0")
        disk.body["tags"] = {}
        n = len(made.control("GET", "requests", since="0")["requests"])
        assert (await made.roll(image=COMMUNITY, version="latest", max_unavailable=1.0)).status == "complete"
        later = made.control("GET", "requests", since="0")["requests"][n:]
        assert all(call["method"] == "GET" for call in later)

    virtually(story())


async def found(made: Bench, image: str) -> Image:
    async with in_process_cloud(made.emulator, made.clock) as azure:
        return await resolve(azure, parse({**INPUTS, "image": image, "version": "latest"}), "West Europe")


@pytest.mark.parametrize("image", [SHARED, COMMUNITY])
def test_latest_of_what_others_share_leaves_out_what_they_exclude(image: str, tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        gallery = PRIVATE.replace("private", "public" if image == COMMUNITY else "shared")
        newest = made.emulator.world.get(f"{gallery}/images/win11/versions/1.0.1")
        assert newest is not None
        profile = newest.body["properties"]["publishingProfile"]
        profile["endOfLifeDate"] = "2027-01-01T00:00:00Z"
        assert (await found(made, image)).end_of_life == "2027-01-01T00:00:00Z"
        profile["excludeFromLatest"] = True
        seen = await found(made, image)
        assert (seen.version, seen.end_of_life) == ("1.0.0", None)
        assert (seen.generation, seen.os_disk_gb, seen.architecture) == ("V2", 127, "x64")
        assert "TrustedLaunch" in seen.security_types
        assert bool(seen.publisher) is (image == COMMUNITY)

    virtually(story())


def test_what_is_shared_with_the_tenant_has_a_latest_version_too(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        gallery = made.emulator.world.get(PRIVATE.replace("private", "shared"))
        assert gallery is not None
        tenant = {"type": "AADTenants", "ids": [subscriptions.tenant_of(made.emulator.world)]}
        gallery.body["properties"]["sharingProfile"] = {"permissions": "Groups", "groups": [tenant]}
        assert (await found(made, SHARED)).version == "1.0.1"

    virtually(story())


def test_an_image_of_others_is_tried_before_any_host_gets_it(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        lease, declared = Lease(POOL, "ada@desk-7", made.clock), parse({**INPUTS, "image": COMMUNITY})
        async with in_process_cloud(made.emulator, made.clock, write_guard=lease.check) as azure:
            done = await rehearse(azure, declared, clock=made.clock, lease=lease, tell=made.events.append)
        assert done.passed, str(done)
        assert made.os_disk_image("vm-0") == "1.0.0" and not any(
            "avdtmp" in key for key in made.emulator.world.resources
        )

    virtually(story())


def test_a_gallery_of_another_subscription_needs_a_right_there(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        image = f"{PRIVATE}/images/win11"
        with pytest.raises(InvalidDeclaration, match=r"image: .* may not be read .*; add Microsoft.Compute/galleries"):
            await made.roll(image=image, version="latest", max_unavailable=1.0)
        assignments.grant(
            made.emulator.world,
            scenario.DEPLOYER["object_id"],
            roles.READER,
            f"/subscriptions/{scenario_outside.OTHER}",
        )
        outcome = await made.roll(image=image, version="latest", max_unavailable=1.0)
        assert outcome.status == "complete", outcome.summary
        assert image_of(made, "vm-0") == f"{image}/versions/1.0.1"

    virtually(story())


@pytest.mark.parametrize(
    ("image", "version", "says"),
    [
        (f"{FOREIGN}/images/win11", "latest", r"^image: .* is in another tenant .*sharedGalleries"),
        (SHARED.replace("-SHARED", "-PRIVATE"), "latest", r"^image: .* is not shared with .*az sig share add"),
        (COMMUNITY.replace("7ea8", "0000"), "latest", r"^image: .* is no image of a community gallery in westeurope"),
        (COMMUNITY, "2.0.0", r"^version: '2.0.0' of win11 is not there in westeurope; use one of 1.0.1"),
        (SHARED, "2.0.0", r"^version: '2.0.0' of win11 is not there in westeurope; use one of 1.0.1, 1.0.0"),
        (SHARED, "newest", r"^version: 'newest' is no version; write x.y.z"),
        (f"{SHARED}/versions/1.0.0", "latest", rf"^image: .* names a version; write {SHARED} here"),
        ("/sharedGalleries/win11", "latest", r"^image: .* is no image; .*/communityGalleries/<public name>/images"),
    ],
)
def test_an_image_of_others_that_cannot_be_used(image: str, version: str, says: str, tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0, outside=True)
        with pytest.raises(InvalidDeclaration, match=says):
            await made.roll(image=image, version=version, max_unavailable=1.0)

    virtually(story())
