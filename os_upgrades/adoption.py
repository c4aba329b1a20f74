"""Takes an existing scale set over, and gives it back.

What was found is kept twice: in the outputs of the resource, and in tags of the scale set, which are written before
anything else, so that a run which is killed in the middle has lost nothing. The tags win: they are older than any
output of a run that began after a crash. All of it is idempotent: each write is made only where the scale set differs.

Tags are by `owner`, a short name of the resource: two resources may declare different settings of one scale set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from os_upgrades import settings
from os_upgrades.azure import ScaleSetAzure
from os_upgrades.declaration import ScaleSetDeclaration
from os_upgrades.patience import patiently
from os_upgrades.scale_set import ScaleSet
from os_upgrades.settings import Settings
from rollout.clock import Clock
from rollout.errors import NotFound
from rollout.names import digest
from rollout.pool_record import declaration_tags, read_declaration

Bring = Callable[[ScaleSet], Awaitable[object]]

FOUND = "avd-os-upgrade-found-"
"""Prefix of the scale set's tags that hold what was found, in pieces of 256 characters."""


@dataclass(frozen=True)
class Plan:
    """What brings a scale set to its declaration."""

    wanted: Settings = field(default_factory=dict)
    """All that is declared."""
    there: Settings = field(default_factory=dict)
    found: Settings = field(default_factory=dict)
    """What was found, of all that is declared now."""
    changes: Settings = field(default_factory=dict)
    """What differs of that, and what is given back because it is declared no more."""

    @property
    def described(self) -> dict[str, str]:
        return settings.described(self.changes, self.there)


def plan(declaration: ScaleSetDeclaration, scale_set: ScaleSet, kept: Settings, owner: str) -> Plan:
    """What is to be changed. `kept`: what the outputs say was found."""
    known = kept | found_in(scale_set.tags, owner)
    wanted = settings.declared(declaration, scale_set, known)
    there = settings.observed(scale_set, wanted.keys() | known.keys())
    given_back = {path: value for path, value in known.items() if path not in wanted}
    found = {path: known.get(path, there[path]) for path in wanted}
    return Plan(wanted, there, found, settings.differing(wanted | given_back, there))


def owner_of(urn: str) -> str:
    """The short name of a resource in tags."""
    return digest(urn, length=6)


def found_in(tags: Mapping[str, str], owner: str) -> Settings:
    """What the tags of a scale set say was found."""
    return read_declaration(tags, _prefix(owner)) or {}


def _prefix(owner: str) -> str:
    return f"{FOUND}{owner}-"


async def adopt(
    azure: ScaleSetAzure,
    declaration: ScaleSetDeclaration,
    kept: Settings,
    owner: str,
    clock: Clock,
    bring: Bring | None = None,
) -> Plan:
    """Bring a scale set to its declaration; returns what was done. Raises NotFound where there is none.

    `bring` brings instances to the latest model, where that is declared. A scale set that leaves mode Manual, or gets
    automatic OS upgrades, has them brought first: Azure begins no batch before they report their health.
    """

    async def attempt() -> Plan:
        scale_set = await look(azure, declaration.scale_set_id)
        found = plan(declaration, scale_set, kept, owner).found
        if await _keep(azure, scale_set, {**kept, **found_in(scale_set.tags, owner), **found}, owner):
            scale_set = await look(azure, declaration.scale_set_id)
        todo = plan(declaration, scale_set, kept, owner)
        await _write_in_order(azure, scale_set, todo.changes, bring)
        return todo

    done = await patiently(clock, attempt)
    await _keep(azure, await look(azure, declaration.scale_set_id), done.found, owner)
    return done


async def _write_in_order(azure: ScaleSetAzure, scale_set: ScaleSet, changes: Settings, bring: Bring | None) -> None:
    switches = settings.of_switches(changes)
    if bring is not None and scale_set.by_hand and switches:
        first = {path: value for path, value in changes.items() if path not in switches}
        await _write(azure, scale_set, first)
        await bring(await look(azure, scale_set.id))
        await _write(azure, await look(azure, scale_set.id), switches)
        return
    await _write(azure, scale_set, changes)
    after = await look(azure, scale_set.id)
    if bring is not None and after.by_hand:
        await bring(after)


async def release(azure: ScaleSetAzure, scale_set_id: str, kept: Settings, owner: str, clock: Clock) -> None:
    """Give a scale set back as it was found, and take our tags off it. One that is gone is no error."""

    async def attempt() -> None:
        body = await azure.get_scale_set(scale_set_id)
        if body is None:
            return
        scale_set = ScaleSet(body)
        known = kept | found_in(scale_set.tags, owner)
        await _write(azure, scale_set, settings.differing(known, settings.observed(scale_set, known)))
        await _keep(azure, scale_set, {}, owner)

    await patiently(clock, attempt)


async def look(azure: ScaleSetAzure, scale_set_id: str) -> ScaleSet:
    """The scale set as it is. Raises NotFound."""
    body = await azure.get_scale_set(scale_set_id)
    if body is None:
        raise NotFound(404, "NotFound", "there is no such scale set", f"GET {scale_set_id}")
    return ScaleSet(body)


async def _write(azure: ScaleSetAzure, scale_set: ScaleSet, changes: Settings) -> None:
    """A source of health comes before what needs it, and goes after it."""
    extensions = settings.extension_changes(changes)
    if settings.in_one_write(changes, scale_set):
        await azure.replace_scale_set(scale_set.id, settings.applied(scale_set, changes).body, etag=scale_set.etag)
        return
    etag = scale_set.etag
    for name, properties in extensions.items():
        if properties is not None:
            await azure.put_scale_set_extension(scale_set.id, name, {"name": name, "properties": properties})
            etag = (await look(azure, scale_set.id)).etag
    body = settings.patch(changes)
    if body:
        await azure.update_scale_set(scale_set.id, body, etag=etag)
    for name, properties in extensions.items():
        if properties is None:
            await azure.delete_scale_set_extension(scale_set.id, name)


async def _keep(azure: ScaleSetAzure, scale_set: ScaleSet, found: Settings, owner: str) -> bool:
    """Have the tags hold what was found, and nothing besides; whether they had to be written."""
    tags = declaration_tags(found, _prefix(owner)) if found else {}
    there = {name: value for name, value in scale_set.tags.items() if name.startswith(_prefix(owner))}
    if there == tags:
        return False
    if tags:
        await azure.merge_tags(scale_set.id, tags)
    stale = {name: value for name, value in there.items() if name not in tags}
    if stale:
        await azure.delete_tags(scale_set.id, stale)
    return True
