"""The properties of the upgrades that are watched, and what a preview says where nobody could look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from os_upgrades import batch_pool, batch_upgrade, upgrade_declaration
from os_upgrades.batch_upgrade import NodesDeclaration
from os_upgrades.declaration import EXAMPLE_ID
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration
from providers.declared_inputs import DeclaredInputs
from providers.schema import batch_upgrade_schema, image_upgrade_schema
from providers.watched_upgrade import OUTPUTS

UNKNOWN_STATE = "not known yet"
STALE = "Azure could not be asked: the plan is that of the last preview or run"
"""The state line of a plan that was carried over."""


def has_work(news: Mapping[str, Any]) -> bool:
    """Whether members need the upgrade. A plan that was carried over is no reason for one: nobody looked."""
    return bool(news.get("plan")) and news.get("state") != STALE


SCALE_SET: DeclaredInputs[ImageUpgradeDeclaration] = DeclaredInputs(
    identity="scale_set_id",
    schema=image_upgrade_schema,
    parse=upgrade_declaration.parse,
    placeholders={"scale_set_id": EXAMPLE_ID},
    others=frozenset({*OUTPUTS, "instances", "plan", "state", "resource_urn"}),
    ids=frozenset({"scale_set_id"}),
    unknown_replaces=False,
)
BATCH_POOL: DeclaredInputs[NodesDeclaration] = DeclaredInputs(
    identity="pool_id",
    schema=batch_upgrade_schema,
    parse=batch_upgrade.parse,
    placeholders={"pool_id": batch_pool.EXAMPLE_ID},
    others=frozenset({*OUTPUTS, "nodes", "plan", "state", "resource_urn"}),
    ids=frozenset({"pool_id"}),
    unknown_replaces=False,
)
