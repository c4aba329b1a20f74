"""The JSON schemas of the inputs, read once: validation, typed arguments and documentation come from them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@cache
def _read(name: str) -> dict[str, Any]:
    """A schema of this folder. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return loaded


def schema() -> dict[str, Any]:
    """The schema of `HostPoolImageUpdate`'s inputs."""
    return _read("schema.json")


def golden_image_schema() -> dict[str, Any]:
    """The schema of `GoldenImageVersion`'s inputs."""
    return _read("golden_image_schema.json")


def scale_set_schema() -> dict[str, Any]:
    """The schema of `ScaleSetUpgradePolicy`'s inputs."""
    return _read("scale_set_schema.json")


def image_upgrade_schema() -> dict[str, Any]:
    """The schema of `ScaleSetImageUpgrade`'s inputs."""
    return _read("image_upgrade_schema.json")


def batch_pool_schema() -> dict[str, Any]:
    """The schema of `BatchPoolUpgradePolicy`'s inputs."""
    return _read("batch_pool_schema.json")


def batch_upgrade_schema() -> dict[str, Any]:
    """The schema of `BatchPoolImageUpgrade`'s inputs."""
    return _read("batch_upgrade_schema.json")


def input_names() -> frozenset[str]:
    """The declared inputs; whatever else a resource's properties hold was added by the provider."""
    return frozenset(schema()["properties"])
