"""What a version says of who made it."""

from __future__ import annotations

from typing import Any

import pytest

from capture import names
from capture.origins import made_by, source_id
from capture.steps import Resource
from simulation.emulated_pool import DEFINITION, GROUP, SUBSCRIPTION
from simulation.golden_vm import GOLDEN

COMPUTE = "providers/Microsoft.Compute"
STAGED = f"{SUBSCRIPTION}/resourceGroups/IT_avd_win11_0123"
PACKED = f"{SUBSCRIPTION}/resourceGroups/pkr-Resource-Group-abc/{COMPUTE}/virtualMachines/pkrvmabc"


def version(profile: dict[str, Any], **tags: str) -> Resource:
    return Resource({"id": f"{DEFINITION}/versions/1.0.0", "tags": tags, "properties": {"storageProfile": profile}})


def source(id: str) -> dict[str, Any]:
    return {"source": {"id": id}}


@pytest.mark.parametrize(
    ("made", "by"),
    [
        (version({}, **{names.GOLDEN: GOLDEN}), "capture of golden"),
        (version({}, source="azureVmImageBuilder", baseosimg="win11multi"), "Azure Image Builder"),
        (version({}, imageTemplateName="win11"), "Azure Image Builder (template win11)"),
        (
            version({"osDiskImage": {"source": {"storageAccountId": f"{STAGED}/providers/x/storageAccounts/y"}}}),
            "Azure Image Builder",
        ),
        (version({"source": {"virtualMachineId": PACKED}}), "Packer"),
        (version(source(f"{GROUP}/{COMPUTE}/images/win11"), source="packer"), "Packer"),
        (version(source(f"{GROUP}/{COMPUTE}/images/win11")), "managed image win11"),
        (version(source(f"{DEFINITION}/versions/0.9.0")), "version win11/0.9.0"),
        (
            version({"source": {"communityGalleryImageId": "/CommunityGalleries/c-1/Images/win11/Versions/2.0.0"}}),
            "community version win11/2.0.0",
        ),
        (version({"osDiskImage": {"source": {"id": f"{GROUP}/{COMPUTE}/snapshots/s1"}}}), "snapshot s1"),
        (version({}), ""),
    ],
)
def test_who_made_it(made: Resource, by: str) -> None:
    assert made_by(made) == by


def test_its_source_is_told() -> None:
    assert source_id(version({"source": {"virtualMachineId": PACKED}})) == PACKED and source_id(version({})) == ""
