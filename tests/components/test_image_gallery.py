from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components import (
    ImageDefinitionArgs,
    ImageGallery,
    ImageGalleryArgs,
    ImageSource,
    ImageVersionArgs,
    TargetRegionArgs,
)

GROUP = "/subscriptions/1/resourceGroups/images"
MANAGED = f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.0"


def gallery(*versions: ImageVersionArgs, **args: Any) -> ImageGallery:
    image = ImageDefinitionArgs("win11", "Contoso", "avd", "win11", versions=versions)
    given = {"resource_group_name": "images", "gallery_name": "avd"} | args
    return ImageGallery("avd", ImageGalleryArgs(location="westeurope", images=[image], **given))


def version(**args: Any) -> ImageVersionArgs:
    return ImageVersionArgs(**{"name": "1.0.0", "source": ImageSource(managed_image_id=MANAGED)} | args)


def test_creates_gallery_definition_and_each_version(declare):
    made = declare(lambda: gallery(version(), version(name="1.0.1")))
    assert [g["galleryName"] for g in made.of("compute:Gallery")] == ["avd"]
    assert [i["galleryImageName"] for i in made.of("compute:GalleryImage")] == ["win11"]
    assert [v["galleryImageVersionName"] for v in made.of("compute:GalleryImageVersion")] == ["1.0.0", "1.0.1"]


def test_a_definition_is_generation_2_with_trusted_launch_unless_said_otherwise(declare):
    [image] = declare(gallery).of("compute:GalleryImage")
    assert image["hyperVGeneration"] == "V2"
    assert image["features"] == [{"name": "SecurityType", "value": "TrustedLaunchSupported"}]
    assert (image["osType"], image["osState"], image["architecture"]) == ("Windows", "Generalized", "x64")


def test_a_plain_definition_has_no_security_feature(declare):
    image = ImageDefinitionArgs("win11", "Contoso", "avd", "win11", security_type=None)
    args = ImageGalleryArgs("westeurope", [image], resource_group_name="images", gallery_name="avd")
    [declared] = declare(lambda: ImageGallery("avd", args)).of("compute:GalleryImage")
    assert "features" not in declared


def test_fills_an_existing_gallery_without_touching_it(declare):
    existing = f"{GROUP}/providers/Microsoft.Compute/galleries/shared"
    made = declare(lambda: gallery(version(), resource_group_name=None, gallery_name=None, gallery_id=existing))
    assert made.of("compute:Gallery") == []
    [declared] = made.of("compute:GalleryImageVersion")
    assert (declared["resourceGroupName"], declared["galleryName"]) == ("images", "shared")


@pytest.mark.parametrize(
    ("source", "profile"),
    [
        (ImageSource(managed_image_id="/i"), {"source": {"id": "/i"}}),
        (ImageSource(version_id="/v"), {"source": {"id": "/v"}}),
        (ImageSource(community_version_id="/c"), {"source": {"communityGalleryImageId": "/c"}}),
        (ImageSource(virtual_machine_id="/m"), {"source": {"virtualMachineId": "/m"}}),
        (ImageSource(disk_id="/d"), {"osDiskImage": {"source": {"id": "/d"}}}),
    ],
)
def test_a_version_is_made_from_its_source(declare, source, profile):
    [declared] = declare(lambda: gallery(version(source=source))).of("compute:GalleryImageVersion")
    assert declared["storageProfile"] == profile


def test_a_version_is_replicated_to_its_regions(declare):
    regions = [
        TargetRegionArgs("westeurope", 3, "Standard_ZRS"),
        TargetRegionArgs("northeurope", exclude_from_latest=True),
    ]
    [declared] = declare(lambda: gallery(version(target_regions=regions))).of("compute:GalleryImageVersion")
    assert declared["publishingProfile"]["targetRegions"] == [
        {
            "name": "westeurope",
            "regionalReplicaCount": 3,
            "storageAccountType": "Standard_ZRS",
            "excludeFromLatest": False,
        },
        {
            "name": "northeurope",
            "regionalReplicaCount": 1,
            "storageAccountType": "Standard_LRS",
            "excludeFromLatest": True,
        },
    ]


def test_a_version_stays_in_the_gallerys_region_when_none_is_named(declare):
    [declared] = declare(lambda: gallery(version())).of("compute:GalleryImageVersion")
    assert [r["name"] for r in declared["publishingProfile"]["targetRegions"]] == ["westeurope"]


def test_a_version_can_be_hidden_from_latest_and_end(declare):
    ending = version(exclude_from_latest=True, end_of_life="2027-01-01T00:00:00Z")
    [declared] = declare(lambda: gallery(ending)).of("compute:GalleryImageVersion")
    assert declared["publishingProfile"]["excludeFromLatest"] is True
    assert declared["publishingProfile"]["endOfLifeDate"] == "2027-01-01T00:00:00Z"


def test_gives_the_ids_of_images_and_versions(declare):
    def program():
        made = gallery(version())
        ids = pulumi.Output.all(made.gallery_id, made.image_ids["win11"], made.version_ids["win11/1.0.0"])
        return ids.apply(seen.extend)

    seen: list[str] = []
    declare(program)
    assert seen == ["id of avd", "id of avd-win11", "id of avd-win11-1.0.0"]


def test_everything_is_a_child_of_the_component(declare, options):
    declare(lambda: gallery(version()))
    parents = [given.parent for given in options().values()]
    assert len(parents) == 3
    assert all(isinstance(parent, ImageGallery) for parent in parents)


def test_a_source_names_exactly_one_thing():
    with pytest.raises(ValueError, match="nothing is given; name exactly one of managed_image_id"):
        ImageSource()
    with pytest.raises(ValueError, match="managed_image_id, disk_id is given"):
        ImageSource(managed_image_id="/i", disk_id="/d")


def test_a_version_name_is_three_numbers():
    with pytest.raises(ValueError, match=r"version '1\.0': write x\.y\.z"):
        version(name="1.0")


def test_a_version_is_listed_once():
    with pytest.raises(ValueError, match=r"image 'win11': version 1\.0\.0 is listed twice"):
        gallery(version(), version())


def test_a_gallery_is_either_made_or_there():
    with pytest.raises(ValueError, match="name one of gallery_name"):
        gallery(gallery_id=f"{GROUP}/providers/Microsoft.Compute/galleries/shared")
    with pytest.raises(ValueError, match="needs resource_group_name"):
        gallery(resource_group_name=None)
