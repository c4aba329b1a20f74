"""The properties of a `ScaleSetUpgradePolicy`."""

from __future__ import annotations

from os_upgrades.declaration import EXAMPLE_ID, ScaleSetDeclaration, parse
from providers.declared_inputs import DeclaredInputs
from providers.scale_set_upgrade_policy import OUTPUTS
from providers.schema import scale_set_schema

PROPERTIES: DeclaredInputs[ScaleSetDeclaration] = DeclaredInputs(
    identity="scale_set_id",
    schema=scale_set_schema,
    parse=parse,
    placeholders={"scale_set_id": EXAMPLE_ID, "upgrade_policy": {"mode": "Manual"}},
    others=frozenset({*OUTPUTS, "plan", "resource_urn"}),
    ids=frozenset({"scale_set_id", "image"}),
)
