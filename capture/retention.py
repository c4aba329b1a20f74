"""Which versions and backups go: by a pure function of what is there and what uses it, `going`.

A version goes only if this definition's captures of this golden VM made it, and nothing below keeps it. What uses it is
looked for in whole subscriptions, and where not all of one can be seen, nothing goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capture import names
from capture.azure import CaptureAzure
from capture.boot_test import FAILED, verdict
from capture.declaration import CaptureDeclaration
from capture.steps import Resource
from rollout import hold, pool_record
from rollout import names as rollout_names
from rollout.arm import Disk, dig, group_of, name_of, same_id, subscription_of
from rollout.azure import Body
from rollout.clock import from_iso
from rollout.errors import AzureError, Forbidden
from rollout.history import read as read_history
from rollout.images import may_be_version, tag_value, version_key
from rollout.prechecks.rights import allows

POOLS = "Microsoft.DesktopVirtualization/hostPools"
SEEN = (
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/virtualMachineScaleSets/read",
    "Microsoft.DesktopVirtualization/hostpools/read",
)
"""Actions at a subscription without which not all that uses a version is seen: Azure leaves out of its lists what
may not be read."""
LOCKS_READ = "Microsoft.Authorization/locks/read"


@dataclass(frozen=True)
class Uses:
    """What uses versions of a definition."""

    disks: Mapping[str, str]
    """Version id, or its tag's value -> name of a disk that was made of it: one that a VM has, or one kept for a way
    back."""
    targets: Mapping[str, str]
    """Version id -> name of a host pool of which it is the target."""
    numbers: Mapping[str, str]
    """Number -> name of a host pool whose declaration or history names it."""
    scale_sets: Mapping[str, str]
    """Version id -> name of a scale set whose instances are made of it."""
    locked: Mapping[str, str]
    """Version id -> name of the lock."""

    def why(self, version: Resource) -> str:
        """Why a version is in use; empty where it is not."""
        for used, disk in self.disks.items():
            if may_be_version(used, version.id):
                return f"disk {disk} was made of it"
        for used, pool in self.targets.items():
            if may_be_version(used, version.id):
                return f"it is the target of pool {pool}"
        if version.name in self.numbers:
            return f"pool {self.numbers[version.name]} ran it or is to run it"
        for used, scale_set in self.scale_sets.items():
            if may_be_version(used, version.id):
                return f"scale set {scale_set} is to run it"
        lock = next((lock for locked, lock in self.locked.items() if same_id(locked, version.id)), "")
        return f"lock {lock}" if lock else ""


@dataclass(frozen=True)
class Going:
    """What goes, and why the rest of what is old enough stays."""

    versions: tuple[Resource, ...] = ()
    snapshots: tuple[Resource, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    """Number -> why it stays though it is neither new nor among the last."""
    unknown: str = ""
    """Why nothing goes: not all that uses the versions can be seen."""

    def __bool__(self) -> bool:
        return bool(self.versions or self.snapshots)

    def __str__(self) -> str:
        found = []
        if self.versions:
            found.append(f"delete versions {', '.join(version.name for version in self.versions)}")
        if self.snapshots:
            found.append(f"delete backups {', '.join(snapshot.name for snapshot in self.snapshots)}")
        return ", ".join(found)


async def look(azure: CaptureAzure, declared: CaptureDeclaration) -> Going:
    """What goes now. Nothing where no retention is declared, or not all can be seen."""
    if declared.retention is None:
        return Going()
    listed, snapshots = await asyncio.gather(
        azure.list_image_versions(declared.image), azure.list_snapshots(group_of(declared.source_vm_id))
    )
    versions = [Resource(body) for body in listed]
    try:
        uses = await _uses(azure, declared, versions)
    except Forbidden as error:
        return Going(unknown=str(error))
    return going(declared, versions, [Resource(body) for body in snapshots], uses, azure.azure_time())


async def _uses(azure: CaptureAzure, declared: CaptureDeclaration, versions: Sequence[Resource]) -> Uses:
    """Raises Forbidden where not all may be read."""
    assert declared.retention is not None
    own = {subscription_of(declared.image), subscription_of(declared.source_vm_id)}
    subscriptions = sorted({*own, *declared.retention.subscriptions})
    disks: dict[str, str] = {}
    targets: dict[str, str] = {}
    numbers: dict[str, str] = {}
    scale_sets: dict[str, str] = {}
    for subscription in (f"/subscriptions/{each}" for each in subscriptions):
        await _require_sight(azure, subscription, SEEN)
        for disk in (Disk(body) for body in await azure.list_disks(subscription)):
            for image in (disk.tags.get(rollout_names.DISK_IMAGE), disk.source_image):
                if image:
                    disks[image] = disk.name
        for pool in await azure.list_resources(subscription, POOLS):
            _note_pool(pool, targets, numbers)
        for scale_set in await azure.list_scale_sets(subscription):
            scale_sets |= dict.fromkeys(_images(scale_set), name_of(str(scale_set["id"])))
    await _require_sight(azure, declared.image, (LOCKS_READ,))
    locked = {}
    for version in versions:
        for lock in await azure.list_locks(version.id):
            locked[version.id] = str(lock.get("name"))
    return Uses(disks, targets, numbers, scale_sets, locked)


async def _require_sight(azure: CaptureAzure, scope: str, actions: Iterable[str]) -> None:
    permissions = await azure.list_permissions(scope)
    lacking = [action for action in actions if not allows(permissions, action)]
    if lacking:
        raise Forbidden(
            403, "NotAllSeen", f"the updater's role lacks {', '.join(lacking)} at {scope}, so that not all that uses "
            "versions is seen", "retention"
        )  # fmt: skip


def _images(scale_set: Body) -> list[str]:
    """The id of the image that a scale set's model names, under whichever key; none for one of the marketplace."""
    reference: Any = dig(scale_set, "properties", "virtualMachineProfile", "storageProfile", "imageReference")
    return [str(used) for used in (reference or {}).values() if str(used).startswith("/")]


def _note_pool(pool: Body, targets: dict[str, str], numbers: dict[str, str]) -> None:
    """What a pool runs, is to run, and has run lately: a revert may need it."""
    tags, name = dict(pool.get("tags") or {}), name_of(str(pool["id"]))
    if tags.get(rollout_names.TARGET):
        targets[tags[rollout_names.TARGET]] = name
    for inputs in (pool_record.read_declaration(tags), hold.inputs_of(tags)):
        if inputs is not None and inputs.get("version"):
            numbers[str(inputs["version"])] = name
    for entry in read_history(tags.get(rollout_names.HISTORY)):
        numbers[entry.version] = name


def going(
    declared: CaptureDeclaration,
    versions: Sequence[Resource],
    snapshots: Sequence[Resource],
    uses: Uses,
    now: float,
) -> Going:
    """What goes of the versions and backups of one golden VM. Where the declared version is still to be made, it counts
    as the newest already, and so do its backups."""
    rules = declared.retention
    assert rules is not None
    golden = tag_value(declared.source_vm_id).lower()

    def ours(resource: Resource) -> bool:
        return names.ID in resource.tags and resource.tags.get(names.GOLDEN, "").lower() == golden

    made = sorted((v for v in versions if ours(v)), key=_published, reverse=True)
    good = [version for version in made if not verdict(version).startswith(FAILED) and version.ready]
    coming = not any(same_id(version.id, declared.version_id) for version in versions)
    last = {version.id for version in good[: rules.versions - coming]}
    latest = max((v for v in versions if _offered(v)), key=lambda v: version_key(v.name), default=None)
    if latest is not None and coming and not declared.exclude_from_latest:
        latest = latest if version_key(latest.name) > version_key(name_of(declared.version_id)) else None
    gone, kept = [], {}
    for version in made:
        if version.id in last or same_id(version.id, declared.version_id) or now - _published(version) < rules.age:
            continue
        why = uses.why(version) or _alive(version, now)
        if version is latest:
            why = why or "it is what latest stands for"
        if not version.ready and not version.failed:
            why = why or "it is being changed"
        if why:
            kept[version.name] = why
        else:
            gone.append(version)
    backups = sorted((s for s in snapshots if ours(s) and names.BACKUP in s.tags), key=_taken, reverse=True)
    pair = () if coming else ("before", "after")
    newest = {next((s.id for s in backups if s.tags[names.BACKUP] == which), "") for which in pair}
    old = [s for s in backups if now - _taken(s) >= rules.backups and s.id not in newest]
    return Going(tuple(gone), tuple(old), kept)


def _offered(version: Resource) -> bool:
    return version.ready and not dig(version.properties, "publishingProfile", "excludeFromLatest")


def _alive(version: Resource, now: float) -> str:
    ends = dig(version.properties, "publishingProfile", "endOfLifeDate")
    return f"its end of life is {ends}" if ends and from_iso(str(ends)) > now else ""


def _published(version: Resource) -> float:
    return from_iso(str(dig(version.properties, "publishingProfile", "publishedDate") or "9999-01-01T00:00:00Z"))


def _taken(snapshot: Resource) -> float:
    return from_iso(str(snapshot.properties.get("timeCreated") or "9999-01-01T00:00:00Z"))


async def remove(azure: CaptureAzure, going: Going) -> list[str]:
    """Delete what goes, under a lease; returns what could not be deleted, and why."""
    failed = []
    for version in going.versions:
        try:
            await azure.delete_image_version(version.id)
        except AzureError as error:
            failed.append(f"version {version.name}: {error.code}")
    for snapshot in going.snapshots:
        try:
            await azure.delete_snapshot(snapshot.id)
        except AzureError as error:
            failed.append(f"backup {snapshot.name}: {error.code}")
    return failed
