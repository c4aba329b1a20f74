"""The JSON schemas of the inputs, read once: validation, typed arguments and documentation come from them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("schema.json")
GOLDEN_IMAGE_PATH = Path(__file__).with_name("golden_image_schema.json")

SCALE_SET_PATH = Path(__file__).with_name("scale_set_schema.json")
BATCH_POOL_PATH = Path(__file__).with_name("batch_pool_schema.json")
IMAGE_UPGRADE_PATH = Path(__file__).with_name("image_upgrade_schema.json")
BATCH_UPGRADE_PATH = Path(__file__).with_name("batch_upgrade_schema.json")


@cache
def schema() -> dict[str, Any]:
    """The schema of `HostPoolImageUpdate`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


@cache
def golden_image_schema() -> dict[str, Any]:
    """The schema of `GoldenImageVersion`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(GOLDEN_IMAGE_PATH.read_text(encoding="utf-8"))
    return loaded


@cache
def scale_set_schema() -> dict[str, Any]:
    """The schema of `ScaleSetUpgradePolicy`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(SCALE_SET_PATH.read_text(encoding="utf-8"))
    return loaded


@cache
def image_upgrade_schema() -> dict[str, Any]:
    """The schema of `ScaleSetImageUpgrade`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(IMAGE_UPGRADE_PATH.read_text(encoding="utf-8"))
    return loaded


@cache
def batch_pool_schema() -> dict[str, Any]:
    """The schema of `BatchPoolUpgradePolicy`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(BATCH_POOL_PATH.read_text(encoding="utf-8"))
    return loaded


@cache
def batch_upgrade_schema() -> dict[str, Any]:
    """The schema of `BatchPoolImageUpgrade`'s inputs. It is shared: do not change it."""
    loaded: dict[str, Any] = json.loads(BATCH_UPGRADE_PATH.read_text(encoding="utf-8"))
    return loaded


def input_names() -> frozenset[str]:
    """The declared inputs; whatever else a resource's properties hold was added by the provider."""
    return frozenset(schema()["properties"])
