"""The properties of a `ScaleSetUpgradePolicy`: which are declared, whether they can be used, and what follows from
their comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from os_upgrades.declaration import EXAMPLE_ID, ScaleSetDeclaration, parse
from providers.schema import scale_set_schema
from providers.validation import Checked, checked, has_unknown

Properties = dict[str, Any]

ADDED = frozenset({"plan", "resource_urn"})
"""Inputs that are not declared: check() adds the first one, the program the other."""
UNKNOWN_PLAN: Mapping[str, str] = {"unknown": "an input is not known yet"}
_PLACEHOLDERS: Mapping[str, Any] = {"scale_set_id": EXAMPLE_ID, "upgrade_policy": {"mode": "Manual"}}
"""Stand in for unknown values that a declaration must have, so that the other inputs can be checked."""


def declared(props: Mapping[str, Any]) -> Properties:
    """The declared inputs, unknown keys included; not what the provider added, nor outputs."""
    from providers.scale_set_upgrade_policy import OUTPUTS

    others = ADDED | set(OUTPUTS) | {"__provider"}
    return {name: value for name, value in props.items() if value is not None and name not in others}


def own(props: Mapping[str, Any]) -> Properties:
    """What the outputs repeat."""
    return {name: value for name, value in props.items() if name != "__provider" and value is not None}


def validate(inputs: Mapping[str, Any]) -> Checked[ScaleSetDeclaration]:
    """Check declared inputs."""
    return checked(inputs, scale_set_schema(), _PLACEHOLDERS, parse)


def found(olds: Mapping[str, Any], declaration: ScaleSetDeclaration) -> Properties:
    """What was found of this very scale set."""
    same = str(olds.get("scale_set_id") or "").rstrip("/").lower() == declaration.scale_set_id.lower()
    return dict(olds.get("found") or {}) if same else {}


def replaces(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Whether another scale set is named; ARM ids are compared without case. One not known yet may be another."""
    old, new = olds.get("scale_set_id"), news.get("scale_set_id")
    if has_unknown(new):
        return ["scale_set_id"]
    return [] if str(old).rstrip("/").lower() == str(new).rstrip("/").lower() else ["scale_set_id"]


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the same."""
    was, now = validate(declared(olds)), validate(declared(news))
    if now.unknown or was.declaration is None or now.declaration is None:
        return declared(olds) != declared(news)
    return _comparable(was.declaration) != _comparable(now.declaration)


def _comparable(declaration: ScaleSetDeclaration) -> ScaleSetDeclaration:
    """ARM ids are compared without case."""
    image = declaration.image.lower() if declaration.image else None
    return replace(declaration, scale_set_id=declaration.scale_set_id.lower(), image=image)
