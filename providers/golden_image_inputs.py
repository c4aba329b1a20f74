"""The properties of a `GoldenImageVersion`: which are declared, whether they can be used, and what follows from their
comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.output import UNKNOWN

from capture.declaration import CaptureDeclaration, parse
from providers.schema import golden_image_schema
from providers.validation import Checked, checked

Properties = dict[str, Any]

IDENTITY = ("source_vm_id", "image", "version", "os_state", "updates")
"""Inputs that make another version: a change replaces the resource. All others can be changed on the one there is."""
RESOLVED = "resolved_version"
ADDED = frozenset({"plan", RESOLVED, "resource_urn"})
"""Inputs that are not declared: check() adds them, the last one the program."""
UNKNOWN_PLAN = "unknown"
_PLACEHOLDERS = {
    "source_vm_id": "/subscriptions/_/resourceGroups/_/providers/Microsoft.Compute/virtualMachines/_",
    "image": "/subscriptions/_/resourceGroups/_/providers/Microsoft.Compute/galleries/_/images/_",
    "version": "0.0.0",
}
"""Stand in for unknown values that a declaration must have, so that the other inputs can be checked."""


def declared(props: Mapping[str, Any]) -> Properties:
    """The declared inputs, unknown keys included; not what the provider added, nor outputs."""
    from providers.golden_image_version import OUTPUTS

    others = ADDED | set(OUTPUTS) | {"__provider"}
    return {name: value for name, value in props.items() if value is not None and name not in others}


def validate(inputs: Mapping[str, Any]) -> Checked[CaptureDeclaration]:
    """Check declared inputs."""
    return checked(inputs, golden_image_schema(), _PLACEHOLDERS, parse)


def pinned(props: Mapping[str, Any], declaration: CaptureDeclaration) -> CaptureDeclaration:
    """The declaration with `x.y.*` replaced by the version that check() chose."""
    resolved = props.get(RESOLVED)
    return replace(declaration, version=str(resolved)) if resolved and resolved != UNKNOWN else declaration


def former(olds: Mapping[str, Any], declaration: CaptureDeclaration) -> str:
    """The version that is kept for `x.y.*`: the former one, where nothing that makes another version has changed."""
    was = validate(declared(olds)).declaration if olds.get(RESOLVED) else None
    return str(olds[RESOLVED]) if was is not None and _same(was, declaration) else ""


def _same(one: CaptureDeclaration, other: CaptureDeclaration) -> bool:
    return comparable(one).id == comparable(other).id


def comparable(declaration: CaptureDeclaration) -> CaptureDeclaration:
    """ARM ids are compared without case."""
    return replace(declaration, source_vm_id=declaration.source_vm_id.lower(), image=declaration.image.lower())


def replaces(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """The inputs by whose change another version is to be made."""
    was, now = validate(declared(olds)), validate(declared(news))
    if was.declaration is None or now.declaration is None:
        return [name for name in IDENTITY if olds.get(name) != news.get(name)]
    old, new = comparable(was.declaration), comparable(now.declaration)
    changed = [name for name in IDENTITY if name in now.unknown or getattr(old, name) != getattr(new, name)]
    if not changed and olds.get(RESOLVED) != news.get(RESOLVED) and news.get(RESOLVED) is not None:
        return ["version"]
    return changed


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the same."""
    was, now = validate(declared(olds)), validate(declared(news))
    if now.unknown or was.declaration is None or now.declaration is None:
        return declared(olds) != declared(news)
    return comparable(was.declaration) != comparable(now.declaration)
