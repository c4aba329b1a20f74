"""The key `golden_image`: the version that the stack captures from a golden VM, and what it cannot go together with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from components import CaptureRoleArgs
from components.arm_ids import resource_group_of, subscription_of
from program.resource_inputs import Inputs, is_secret_name, mistake

CAPTURED = "captured"
"""The image_version that stands for the version that golden_image makes."""
_DEFINITION = re.compile(r"/subscriptions/.+/galleries/[^/]+/images/[^/]+", re.IGNORECASE)


def mistakes(given: Mapping[str, Any], inputs: Inputs) -> list[str]:
    """What is wrong with golden_image, and with an image_version that would need one."""
    golden, wanted = given.get("golden_image"), given.get("image_version")
    if golden is None:
        remedy = "add golden_image with the golden VM, or write a version"
        return [mistake("image_version", wanted, "comes from no golden image", remedy)] if wanted == CAPTURED else []
    return [
        *inputs.mistakes("golden_image", golden, {"image": "image or gallery"}, "GoldenImageVersion"),
        *_image_mistakes(given),
        *_state_mistakes(given, golden),
        *_version_mistakes(given, golden),
        *_secret_mistakes(given, golden),
    ]


def _image_mistakes(given: Mapping[str, Any]) -> list[str]:
    image = given.get("image")
    if image is None or _DEFINITION.fullmatch(image):
        return []
    remedy = "write the id of an image definition, or name the gallery and its image_definition"
    return [mistake("image", image, "takes no versions of golden_image", remedy)]


def _state_mistakes(given: Mapping[str, Any], golden: Mapping[str, Any]) -> list[str]:
    state = golden.get("os_state", "generalized")
    found = []
    defined = given.get("image_definition", {}).get("os_state", "Generalized")
    if "image_definition" in given and str(defined).lower() != str(state).lower():
        remedy = f"give both the same; image_definition.os_state is {defined}, and cannot be changed later"
        found.append(mistake("golden_image.os_state", state, "is not that of image_definition", remedy))
    if state == "specialized" and takes_captured(given):
        remedy = "leave os_state out, or write the image_version that the session hosts shall run"
        found.append(mistake("golden_image.os_state", state, "makes a version that no host is built from", remedy))
    return found


def _version_mistakes(given: Mapping[str, Any], golden: Mapping[str, Any]) -> list[str]:
    found = []
    number = golden.get("version")
    if number in [item["version"] for item in given.get("image_versions", [])]:
        remedy = 'declare another number, or "x.y.*" for the next that is free'
        found.append(mistake("golden_image.version", number, "is in image_versions too", remedy))
    if "promote_from" in given and "image_version" not in given:
        remedy = f"write {CAPTURED} for the version of golden_image, or promoted for that of promote_from"
        found.append(mistake("image_version", None, "is missing, and both could say it", remedy))
    return found


def _secret_mistakes(given: Mapping[str, Any], golden: Mapping[str, Any]) -> list[str]:
    if "key_vault_id" in given:
        return []
    remedy = "add key_vault_id, or write the secret's https:// URI"
    return [
        mistake(f"golden_image.updates[{i}].secrets.{name}", secret, "is the name of a secret without a vault", remedy)
        for i, update in enumerate(_updates(golden))
        for name, secret in _secrets(update).items()
        if is_secret_name(secret)
    ]


def takes_captured(given: Mapping[str, Any]) -> bool:
    """Whether the session hosts run the version that golden_image makes: `captured`, its number, or nothing else."""
    golden = given.get("golden_image")
    if golden is None:
        return False
    if "image_version" not in given:
        return "promote_from" not in given
    return given["image_version"] in (CAPTURED, golden.get("version"))


def with_uris(golden: Mapping[str, Any], uri_of: Callable[[str], Any]) -> dict[str, Any]:
    """The inputs with the name of each script's secret replaced by what `uri_of` makes of it."""
    updates = [
        {**update, "secrets": {n: uri_of(s) if is_secret_name(s) else s for n, s in _secrets(update).items()}}
        if _secrets(update)
        else update
        for update in _updates(golden)
    ]
    return {**golden, "updates": updates} if updates else dict(golden)


def rights(golden: Mapping[str, Any], image_id: str, subnet_ids: list[str]) -> CaptureRoleArgs:
    """What the updater's role needs for it. `subnet_ids`: those of update_role, the golden VM's own among them unless
    it is in its group."""
    group = resource_group_of(golden["source_vm_id"])
    clone = golden.get("clone") or {}
    retention = golden.get("retention")
    others = (retention or {}).get("subscriptions") or []
    seen = [
        subscription_of(golden["source_vm_id"]),
        subscription_of(image_id),
        *(f"/subscriptions/{s}" for s in others),
    ]
    return CaptureRoleArgs(
        golden_resource_group=group,
        image_id=image_id,
        subnet_id=clone.get("subnet_id") or (subnet_ids or [group])[0],
        clone_resource_group=clone.get("resource_group_id"),
        retention_subscriptions=seen if retention is not None else (),
    )


def _updates(golden: Mapping[str, Any]) -> list[Any]:
    updates = golden.get("updates")
    return updates if isinstance(updates, list) else []


def _secrets(update: Any) -> dict[str, Any]:
    secrets = update.get("secrets") if isinstance(update, dict) else None
    return secrets if isinstance(secrets, dict) else {}
