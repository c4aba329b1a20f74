"""The properties of a watched upgrade: which are declared, whether they can be used, and what follows from their
comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from os_upgrades import batch_pool, batch_upgrade, upgrade_declaration
from os_upgrades.batch_upgrade import NodesDeclaration
from os_upgrades.declaration import EXAMPLE_ID
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration
from providers.schema import batch_upgrade_schema, image_upgrade_schema
from providers.validation import Checked, checked, has_unknown
from providers.watched_upgrade import OUTPUTS

Properties = dict[str, Any]
D = TypeVar("D", ImageUpgradeDeclaration, NodesDeclaration)

ADDED = frozenset({"plan", "state", "resource_urn"})
"""Inputs that are not declared: check() adds the first two, the program the last one."""
UNKNOWN_PLAN: Mapping[str, str] = {"unknown": "an input is not known yet"}
UNKNOWN_STATE = "not known yet"
STALE = "Azure could not be asked: the plan is that of the last preview or run"
"""The state line of a plan that was carried over."""


@dataclass(frozen=True)
class WatchedInputs(Generic[D]):
    """The inputs of one kind."""

    id: str
    """Name of the input that names what is upgraded."""
    members: str
    """Name of the output that lists members by version."""
    schema: Callable[[], dict[str, Any]]
    parse: Callable[[Mapping[str, Any]], D]
    example: str
    """Stands in for an id that is not known yet."""

    def declared(self, props: Mapping[str, Any]) -> Properties:
        """The declared inputs, unknown keys included; not what the provider added, nor outputs."""
        others = ADDED | {*OUTPUTS, self.members, "__provider"}
        return {name: value for name, value in props.items() if value is not None and name not in others}

    def own(self, props: Mapping[str, Any]) -> Properties:
        """What the outputs repeat."""
        return {name: value for name, value in props.items() if name != "__provider" and value is not None}

    def validate(self, inputs: Mapping[str, Any]) -> Checked[D]:
        """Check declared inputs."""
        return checked(inputs, self.schema(), {self.id: self.example}, self.parse)

    def replaces(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
        """Whether another resource is named; ARM ids are compared without case. One not known yet may be the same."""
        old, new = olds.get(self.id), news.get(self.id)
        same = has_unknown(new) or str(old).rstrip("/").lower() == str(new).rstrip("/").lower()
        return [] if same else [self.id]

    def changed(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
        """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the
        same."""
        was, now = self.validate(self.declared(olds)), self.validate(self.declared(news))
        if now.unknown or was.declaration is None or now.declaration is None:
            return self.declared(olds) != self.declared(news)
        return self._comparable(was.declaration) != self._comparable(now.declaration)

    def _comparable(self, declaration: D) -> D:
        given: dict[str, Any] = {self.id: str(getattr(declaration, self.id)).lower()}
        return replace(declaration, **given)


def has_work(news: Mapping[str, Any]) -> bool:
    """Whether members need the upgrade. A plan that was carried over is no reason for one: nobody looked."""
    return bool(news.get("plan")) and news.get("state") != STALE


SCALE_SET = WatchedInputs("scale_set_id", "instances", image_upgrade_schema, upgrade_declaration.parse, EXAMPLE_ID)
BATCH_POOL = WatchedInputs("pool_id", "nodes", batch_upgrade_schema, batch_upgrade.parse, batch_pool.EXAMPLE_ID)
