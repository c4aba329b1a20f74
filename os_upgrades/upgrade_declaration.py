"""What is declared of an upgrade of a scale set's instances to the latest image, read from plain inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from os_upgrades.declaration import EXAMPLE_ID, SCALE_SET
from rollout.errors import InvalidDeclaration
from rollout.images import DEFINITION_ID, LATEST, NUMBERS, SHARED_ID, URN, Image, canonical, definition_of
from rollout.values import HOUR, duration, resource_id

E = TypeVar("E", bound=StrEnum)

BEGIN_WITHIN = 4 * HOUR
"""Azure takes up to 3 hours for the first upgrade after it was enabled, 30 to 60 minutes for each later one
(learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade)."""
LIMIT = 12 * HOUR
ALL, NONE = "all", "none"


class Start(StrEnum):
    """Who begins the upgrade."""

    AUTO = "auto"
    """Azure, where the scale set has automatic OS upgrades; else this run."""
    NOW = "now"
    """This run, at once."""
    NEVER = "never"
    """Azure alone: this run watches."""


class Stopped(StrEnum):
    """What becomes of the upgrade when nobody watches it any longer."""

    LEAVE = "leave"
    """It goes on in Azure."""
    CANCEL = "cancel"


@dataclass(frozen=True)
class ImageUpgradeDeclaration:
    """An upgrade to the latest image."""

    scale_set_id: str
    version: str = LATEST
    """`latest`, or the number that `latest` must stand for in the region: else nothing is begun."""
    start: Start = Start.AUTO
    approve: tuple[str, ...] | str = NONE
    """Instances whose deferred upgrade is approved, or ALL or NONE of them."""
    begin_within: float = BEGIN_WITHIN
    """Seconds that Azure has to begin by itself; by default no more than limit."""
    limit: float = LIMIT
    """Seconds that a run watches; by default twice begin_within at least."""
    when_stopped: Stopped = Stopped.LEAVE
    image: str = ""
    """The image that the model must name; empty for any."""

    @property
    def name(self) -> str:
        return self.scale_set_id.rsplit("/", 1)[-1]

    def approves(self, instance_id: str) -> bool:
        if isinstance(self.approve, str):
            return self.approve == ALL
        return instance_id in self.approve


def parse(given: Mapping[str, Any]) -> ImageUpgradeDeclaration:
    """The declaration of plain inputs. Raises InvalidDeclaration."""
    start = _choice("start", given.get("start"), Start, Start.AUTO)
    if start is Start.NOW and given.get("begin_within") is not None:
        raise InvalidDeclaration(
            "begin_within", given["begin_within"], "means nothing with start: now", "leave it out, or write start: auto"
        )
    begin_within, limit = times(given)
    return ImageUpgradeDeclaration(
        resource_id("scale_set_id", str(given["scale_set_id"]), "scale set", SCALE_SET, EXAMPLE_ID).rstrip("/"),
        declared_version(given.get("version")),
        start,
        _approve(given.get("approve")),
        begin_within,
        limit,
        _choice("when_stopped", given.get("when_stopped"), Stopped, Stopped.LEAVE),
        declared_image(given.get("image")),
    )


def times(given: Mapping[str, Any]) -> tuple[float, float]:
    """begin_within and limit, which depend on each other, in seconds. Raises InvalidDeclaration."""

    def seconds(name: str) -> float | None:
        value = given.get(name)
        return None if value is None else duration(name, value)

    begin_within, limit = seconds("begin_within"), seconds("limit")
    if limit is not None and limit <= 0:
        raise InvalidDeclaration("limit", given.get("limit"), "leaves no time to watch", "write one such as PT12H")
    if limit is not None and begin_within is not None and begin_within > limit:
        remedy = "write a longer limit, or a shorter begin_within"
        raise InvalidDeclaration("limit", given.get("limit"), "is shorter than begin_within", remedy)
    return (
        begin_within if begin_within is not None else min(BEGIN_WITHIN, limit or BEGIN_WITHIN),
        limit if limit is not None else max(LIMIT, 2 * (begin_within or 0)),
    )


def declared_version(value: Any) -> str:
    """`latest`, or a number. Raises InvalidDeclaration."""
    version = LATEST if value is None else str(value).strip()
    if version.lower() == LATEST:
        return LATEST
    if not NUMBERS.fullmatch(version):
        raise InvalidDeclaration("version", value, "is no version", "write x.y.z, such as 1.0.1, or latest")
    return version


def declared_image(value: Any) -> str:
    """An image without a version, or nothing. Raises InvalidDeclaration."""
    image = "" if value is None else str(value).strip().rstrip("/")
    if image and not any(shape.fullmatch(image) for shape in (DEFINITION_ID, SHARED_ID, URN)):
        remedy = "write the id of a gallery image definition, or publisher:offer:sku"
        raise InvalidDeclaration("image", value, "is no image that has versions", remedy)
    return image


def check_image(declared: str, found: Image, prop: str, name: str) -> None:
    """Raises InvalidDeclaration where `name` follows another image than the declared one."""
    if declared and definition_of(found.id) != canonical(declared):
        raise InvalidDeclaration(
            "image", declared, f"is not what {name} follows: {definition_of(found.id)}", f"correct image, or {prop}"
        )


def _choice(prop: str, value: Any, of: type[E], default: E) -> E:
    if value is None:
        return default
    try:
        return of(str(value).lower())
    except ValueError:
        raise InvalidDeclaration(prop, value, "is not known", f"use one of {', '.join(of)}") from None


def _approve(value: Any) -> tuple[str, ...] | str:
    if value is None or (isinstance(value, str) and value.lower() in (ALL, NONE)):
        return NONE if value is None else str(value).lower()
    ids = value if isinstance(value, list | tuple) else [None]
    if not ids or not all(isinstance(each, str) and each for each in ids):
        raise InvalidDeclaration(
            "approve", value, "names no instances", f'write {ALL}, {NONE}, or ids such as ["0", "1"]'
        )
    return tuple(ids)
