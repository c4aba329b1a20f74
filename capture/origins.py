"""Where a version of an image definition comes from: a capture, Azure Image Builder, Packer, or what its source names.

Only a capture says so itself. The others are known by traces: by the tags that Azure Image Builder's own examples set
on what they distribute (`source: azureVmImageBuilder`) and that the service sets on its staging group
(MicrosoftDocs/azure-compute-docs, image-builder-json.md: `imageTemplateName`), by that group's name, `IT_...`, and by
Packer's `pkr-Resource-Group-...` and `pkrvm...` (packer-plugin-azure). That Azure Image Builder names its staging group
in a version's source is unverified. A Packer build in a group with a name of one's own, by way of a managed image,
leaves no trace: tag it (`azure_tags = {source = "packer"}`).
"""

from __future__ import annotations

from collections.abc import Mapping

from capture import names
from capture.steps import Resource
from rollout.arm import dig, name_of

IMAGE_BUILDER = "Azure Image Builder"
PACKER = "Packer"
TEMPLATE = "imagetemplatename"
KINDS = {
    "images": "managed image",
    "virtualmachines": "virtual machine",
    "disks": "disk",
    "snapshots": "snapshot",
    "storageaccounts": "blob of",
}


def made_by(version: Resource) -> str:
    """`capture of golden`, `Azure Image Builder (template win11)`, `Packer`, `managed image win11`, `version
    win11/1.0.0`; empty where nothing tells."""
    golden, source = version.tags.get(names.GOLDEN, ""), source_id(version)
    if golden:
        return f"capture of {name_of(golden)}"
    tool = _tool(version.tags, source)
    if tool:
        return tool
    segments = source.strip("/").split("/")
    if len(segments) > 3 and segments[-2].lower() == "versions":
        community = "community version" if source.lower().startswith("/communitygalleries/") else "version"
        return f"{community} {segments[-3]}/{segments[-1]}"
    kind = KINDS.get(segments[-2].lower()) if len(segments) > 1 else None
    return f"{kind} {segments[-1]}" if kind else ""


def source_id(version: Resource) -> str:
    """The id of what a version was made from; empty where it is not told."""
    profile = dig(version.properties, "storageProfile") or {}
    source, disk = profile.get("source") or {}, dig(profile, "osDiskImage", "source") or {}
    named = (
        *(source.get(key) for key in ("id", "virtualMachineId", "communityGalleryImageId")),
        *(disk.get(key) for key in ("id", "storageAccountId")),
    )
    return str(next(filter(None, named), ""))


def _tool(tags: Mapping[str, str], source: str) -> str:
    own = {key.lower(): value for key, value in tags.items()}
    said = " ".join(own.values()).lower()
    group, last = (source.split("/")[4] if source.lower().startswith("/subscriptions/") else ""), name_of(source)
    if TEMPLATE in own:
        return f"{IMAGE_BUILDER} (template {own[TEMPLATE]})"
    if "azurevmimagebuilder" in said or group.startswith("IT_"):
        return IMAGE_BUILDER
    if "packer" in said or group.lower().startswith("pkr-resource-group-") or last.startswith("pkrvm"):
        return PACKER
    return ""
