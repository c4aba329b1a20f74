"""ARM ids, as far as the components need them: pure functions, compared without case as Azure does."""

from __future__ import annotations

import re
import uuid

GROUP = re.compile(r"(/subscriptions/([^/]+)/resourceGroups/([^/]+))(?:/.*)?", re.IGNORECASE)

NAMESPACE = uuid.UUID("6f0d3c1e-6a4b-5f0e-9d0a-2f1c7b9e4d55")
"""Namespace of the GUIDs made here. Never change it: role definitions and assignments are found again by their GUID."""


def resource_group_of(resource_id: str) -> str:
    """`/subscriptions/<s>/resourceGroups/<g>` of a resource or group id. Raises ValueError for anything else."""
    match = GROUP.fullmatch(resource_id)
    if match is None:
        raise ValueError(
            f"{resource_id!r} is not in a resource group: write /subscriptions/<id>/resourceGroups/<name>/..."
        )
    return match.group(1)


def subscription_of(resource_id: str) -> str:
    """`/subscriptions/<s>` of a resource or group id. Raises ValueError for anything else."""
    return "/subscriptions/" + resource_group_of(resource_id).split("/")[2]


def group_name_of(resource_id: str) -> str:
    """The name of the resource group that an id is in. Raises ValueError where there is none."""
    return resource_group_of(resource_id).split("/")[4]


def name_of(resource_id: str) -> str:
    """The last segment of an id."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1]


def stable_guid(*parts: str) -> str:
    """The same GUID for the same parts, compared without case: a second run finds what the first one made."""
    return str(uuid.uuid5(NAMESPACE, "|".join(part.lower() for part in parts)))
