"""The properties of a `BatchPoolUpgradePolicy`."""

from __future__ import annotations

from os_upgrades.batch_pool import EXAMPLE_ID, BatchPoolDeclaration, parse
from providers.batch_pool_upgrade_policy import OUTPUTS
from providers.declared_inputs import DeclaredInputs
from providers.schema import batch_pool_schema

PROPERTIES: DeclaredInputs[BatchPoolDeclaration] = DeclaredInputs(
    identity="pool_id",
    schema=batch_pool_schema,
    parse=parse,
    placeholders={"pool_id": EXAMPLE_ID, "upgrade_policy": {"mode": "manual"}},
    others=frozenset({*OUTPUTS, "plan", "resource_urn"}),
    ids=frozenset({"pool_id"}),
)
