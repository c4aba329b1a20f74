"""The pool's vmTemplate: image, size and disk type follow, all else stays as somebody wrote it."""

from __future__ import annotations

import json

import pytest

from rollout.images import Kind
from rollout.vm_template import merged
from tests.support.observed import declaration, image, version

THERE = {
    "domain": "contoso.com",
    "namePrefix": "vm",
    "imageType": "Gallery",
    "galleryImagePublisher": "MicrosoftWindowsDesktop",
    "customImageId": None,
    "osDiskType": "Premium_LRS",
    "vmSize": {"id": "Standard_D4s_v5", "cores": 4, "ram": 16},
}


def test_image_size_and_disk_type_are_merged_and_other_keys_untouched() -> None:
    wanted = declaration(vm_size="Standard_D8s_v5", os_disk_type="StandardSSD_LRS")
    found = json.loads(merged(json.dumps(THERE), image(), wanted) or "")
    changed = {key for key in {**THERE, **found} if THERE.get(key) != found.get(key)}
    assert changed == {"imageType", "customImageId", "osDiskType", "vmSize"}
    assert (found["imageType"], found["customImageId"]) == ("CustomImage", version("1.0.1"))
    assert (found["vmSize"], found["osDiskType"]) == ({"id": "Standard_D8s_v5"}, "StandardSSD_LRS")


def test_what_is_not_declared_stays() -> None:
    found = json.loads(merged(json.dumps(THERE), image(), declaration()) or "")
    assert (found["vmSize"], found["osDiskType"]) == (THERE["vmSize"], "Premium_LRS")
    same = json.loads(merged(json.dumps(THERE), image(), declaration(vm_size="STANDARD_D4S_V5")) or "")
    assert same["vmSize"] == THERE["vmSize"]


def test_a_marketplace_image_is_written_in_its_parts() -> None:
    reference = {"publisher": "p", "offer": "o", "sku": "s", "version": "1"}
    found = json.loads(
        merged(json.dumps(THERE), image(kind=Kind.MARKETPLACE, reference=reference), declaration()) or ""
    )
    assert found["imageType"] == "Gallery" and found["customImageId"] is None
    parts = [found[f"galleryImage{part}"] for part in ("Publisher", "Offer", "SKU")]
    assert parts == ["p", "o", "s"]


def test_an_equal_template_is_not_written() -> None:
    text = merged(json.dumps(THERE), image(), declaration())
    assert text is not None and merged(text, image(), declaration()) is None


@pytest.mark.parametrize("template", [None, "", "no JSON", "[1]", '"text"'])
def test_what_is_no_template_is_left_alone(template: str | None) -> None:
    assert merged(template, image(), declaration()) is None
