"""The properties of a `ScaleSetImageUpgrade`: which are declared, whether they can be used, and what follows from their
comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from os_upgrades.declaration import EXAMPLE_ID
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration, parse
from providers.schema import image_upgrade_schema
from providers.validation import Checked, checked, has_unknown

Properties = dict[str, Any]

ADDED = frozenset({"plan", "state", "resource_urn"})
"""Inputs that are not declared: check() adds the first two, the program the last one."""
UNKNOWN_PLAN: Mapping[str, str] = {"unknown": "an input is not known yet"}
UNKNOWN_STATE = "not known yet"
STALE = "Azure could not be asked: the plan is that of the last preview or run"
"""The state line of a plan that was carried over."""
_PLACEHOLDERS: Mapping[str, Any] = {"scale_set_id": EXAMPLE_ID}


def declared(props: Mapping[str, Any]) -> Properties:
    """The declared inputs, unknown keys included; not what the provider added, nor outputs."""
    from providers.scale_set_image_upgrade import OUTPUTS

    others = ADDED | set(OUTPUTS) | {"__provider"}
    return {name: value for name, value in props.items() if value is not None and name not in others}


def own(props: Mapping[str, Any]) -> Properties:
    """What the outputs repeat."""
    return {name: value for name, value in props.items() if name != "__provider" and value is not None}


def validate(inputs: Mapping[str, Any]) -> Checked[ImageUpgradeDeclaration]:
    """Check declared inputs."""
    return checked(inputs, image_upgrade_schema(), _PLACEHOLDERS, parse)


def replaces(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Whether another scale set is named; ARM ids are compared without case. One not known yet may be the same."""
    old, new = olds.get("scale_set_id"), news.get("scale_set_id")
    same = has_unknown(new) or str(old).rstrip("/").lower() == str(new).rstrip("/").lower()
    return [] if same else ["scale_set_id"]


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the same."""
    was, now = validate(declared(olds)), validate(declared(news))
    if now.unknown or was.declaration is None or now.declaration is None:
        return declared(olds) != declared(news)
    return _comparable(was.declaration) != _comparable(now.declaration)


def _comparable(declaration: ImageUpgradeDeclaration) -> ImageUpgradeDeclaration:
    return replace(declaration, scale_set_id=declaration.scale_set_id.lower())


def has_work(news: Mapping[str, Any]) -> bool:
    """Whether instances need the upgrade. A plan that was carried over is no reason for one: nobody looked."""
    return bool(news.get("plan")) and news.get("state") != STALE
