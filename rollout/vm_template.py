"""The host pool's vmTemplate: what the portal proposes when somebody adds hosts to the pool.

After a rollout its image, VM size and disk type are those of the hosts; every other key stays as it was.
"""

from __future__ import annotations

import json
from typing import Any

from rollout.declaration import Declaration
from rollout.images import Image, Kind


def merged(template: str | None, image: Image, declaration: Declaration) -> str | None:
    """The new template, or None where nothing is to be changed (no template, one that is no JSON object, or an equal
    one)."""
    try:
        current = json.loads(template or "")
    except ValueError:
        return None
    if not isinstance(current, dict):
        return None
    wanted: dict[str, Any] = {**current, **_image(image)}
    if declaration.os_disk_type:
        wanted["osDiskType"] = declaration.os_disk_type
    if declaration.vm_size and _size(current) != declaration.vm_size.lower():
        # Cores and memory belong to the size that was; the portal looks them up by id.
        wanted["vmSize"] = {"id": declaration.vm_size}
    return None if wanted == current else json.dumps(wanted, separators=(",", ":"))


def _size(template: dict[str, Any]) -> str:
    size = template.get("vmSize")
    return str(size.get("id") or "").lower() if isinstance(size, dict) else ""


def _image(image: Image) -> dict[str, Any]:
    if image.kind is Kind.MARKETPLACE:
        return {
            "imageType": "Gallery",
            "galleryImagePublisher": image.reference["publisher"],
            "galleryImageOffer": image.reference["offer"],
            "galleryImageSKU": image.reference["sku"],
            "customImageId": None,
        }
    if image.kind in (Kind.SHARED, Kind.COMMUNITY):
        return {}  # how the portal writes these is not known: it goes on proposing the image that it proposed
    return {"imageType": "CustomImage", "customImageId": image.id}
