"""What changes between the inputs of the last write and the new ones, property by property, as azure-native does it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from emulator.native.resource_types import ResourceType
from emulator.native.values import plain


class Kind(StrEnum):
    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


def difference(known: ResourceType, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Kind, bool]]:
    """Path (`tags.owner`, `publishingProfile.targetRegions[0].name`) -> kind of change, and whether it needs a new
    resource. A value that is not known yet counts as changed. Regions are compared as Azure does: `West Europe` is
    `westeurope`."""
    changes: dict[str, Kind] = {}
    served = known.inputs | set(known.parameters)
    _compare(_only(old, served), _only(new, served), "", changes)
    if changes.get("location") is Kind.UPDATE and _region(old["location"]) == _region(new["location"]):
        del changes["location"]
    immutable = known.replace_on | set(known.parameters)
    return {path: (kind, _replaces(path, immutable)) for path, kind in sorted(changes.items())}


def _compare(old: Any, new: Any, path: str, changes: dict[str, Kind]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() | new.keys():
            below = _below(path, name)
            if name not in new:
                changes[below] = Kind.DELETE
            elif name not in old:
                changes[below] = Kind.ADD
            else:
                _compare(old[name], new[name], below, changes)
    elif isinstance(old, list) and isinstance(new, list):
        for i in range(max(len(old), len(new))):
            if i >= len(new):
                changes[f"{path}[{i}]"] = Kind.DELETE
            elif i >= len(old):
                changes[f"{path}[{i}]"] = Kind.ADD
            else:
                _compare(old[i], new[i], f"{path}[{i}]", changes)
    elif old != new:
        changes[path] = Kind.UPDATE


def _below(path: str, name: str) -> str:
    """Pulumi's property path: names that are no identifiers are quoted, such as `tags["cost center"]`."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def _replaces(path: str, immutable: frozenset[str] | set[str]) -> bool:
    general = re.sub(r"\[\d+\]", "[]", path)
    return any(general == fixed or general.startswith((f"{fixed}.", f"{fixed}[")) for fixed in immutable)


def _only(properties: Mapping[str, Any], names: frozenset[str] | set[str]) -> dict[str, Any]:
    return {name: plain(value) for name, value in properties.items() if name in names}


def _region(value: Any) -> str:
    return str(plain(value)).replace(" ", "").lower()
