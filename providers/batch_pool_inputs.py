"""The properties of a `BatchPoolUpgradePolicy`: which are declared, whether they can be used, and what follows from
their comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from os_upgrades.batch_pool import EXAMPLE_ID, BatchPoolDeclaration, parse
from providers.schema import batch_pool_schema
from providers.validation import Checked, checked, has_unknown

Properties = dict[str, Any]

ADDED = frozenset({"plan", "resource_urn"})
"""Inputs that are not declared: check() adds the first one, the program the other."""
UNKNOWN_PLAN: Mapping[str, str] = {"unknown": "an input is not known yet"}
_PLACEHOLDERS: Mapping[str, Any] = {"pool_id": EXAMPLE_ID, "upgrade_policy": {"mode": "manual"}}
"""Stand in for unknown values that a declaration must have, so that the other inputs can be checked."""


def declared(props: Mapping[str, Any]) -> Properties:
    """The declared inputs, unknown keys included; not what the provider added, nor outputs."""
    from providers.batch_pool_upgrade_policy import OUTPUTS

    others = ADDED | set(OUTPUTS) | {"__provider"}
    return {name: value for name, value in props.items() if value is not None and name not in others}


def own(props: Mapping[str, Any]) -> Properties:
    """What the outputs repeat."""
    return {name: value for name, value in props.items() if name != "__provider" and value is not None}


def validate(inputs: Mapping[str, Any]) -> Checked[BatchPoolDeclaration]:
    """Check declared inputs."""
    return checked(inputs, batch_pool_schema(), _PLACEHOLDERS, parse)


def found(olds: Mapping[str, Any], declaration: BatchPoolDeclaration) -> Properties | None:
    """The policy that was found on this very pool."""
    same = str(olds.get("pool_id") or "").rstrip("/").lower() == declaration.pool_id.lower()
    known = olds.get("found") if same else None
    return dict(known) if isinstance(known, Mapping) else None


def replaces(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Whether another pool is named; ARM ids are compared without case. One not known yet may be another."""
    old, new = olds.get("pool_id"), news.get("pool_id")
    if has_unknown(new):
        return ["pool_id"]
    return [] if str(old).rstrip("/").lower() == str(new).rstrip("/").lower() else ["pool_id"]


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the declared inputs mean something else: a default that was left out is the same."""
    was, now = validate(declared(olds)), validate(declared(news))
    if now.unknown or was.declaration is None or now.declaration is None:
        return declared(olds) != declared(news)
    return _comparable(was.declaration) != _comparable(now.declaration)


def _comparable(declaration: BatchPoolDeclaration) -> BatchPoolDeclaration:
    return replace(declaration, pool_id=declaration.pool_id.lower())
