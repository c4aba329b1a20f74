"""What would make a capture fail, known before anything is written: a finding has the property, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from capture import names
from capture.actions import Holds, needed
from capture.azure import CaptureAzure
from capture.declaration import CaptureDeclaration, DataDisks, OsState
from capture.record import decode
from capture.steps import Resource
from rollout.arm import Disk, Vm, dig, group_of, name_of
from rollout.azure import Body
from rollout.errors import Forbidden, NotFound
from rollout.images import normal_location
from rollout.prechecks.rights import allows


@dataclass(frozen=True)
class Finding:
    """What forbids the capture: the property at fault, and the reason with value and remedy."""

    prop: str
    reason: str

    def __str__(self) -> str:
        return f"{self.prop}: {self.reason}"


@dataclass(frozen=True)
class Facts:
    """What was read for the pre-checks; None is what does not exist."""

    vm: Vm | None
    disk: Disk | None
    definition: Resource | None
    version: Resource | None
    """The declared one; None also where `x.y.*` is declared."""
    subnet_exists: bool = True
    group_exists: bool = True
    permissions: Mapping[tuple[Holds, str], Sequence[Body]] = field(default_factory=dict)
    """What the caller may do at each scope; a scope at which that may not be read is missing."""

    @property
    def made(self) -> bool:
        """Whether the version is there, finished or not."""
        return self.version is not None


async def read(azure: CaptureAzure, declared: CaptureDeclaration) -> Facts:
    """The facts, by a few reads."""
    version = None if declared.version.endswith("*") else azure.get_image_version(declared.version_id)
    vm, definition, found, subnet, group = await asyncio.gather(
        azure.get_vm(declared.source_vm_id, instance_view=True),
        azure.get_image_definition(declared.image),
        version or _nothing(),
        azure.get_subnet(declared.clone_subnet_id) if declared.clone_subnet_id else _nothing(),
        azure.get_resource_group(declared.clone_resource_group_id) if declared.clone_resource_group_id else _nothing(),
    )
    golden = Vm(vm) if vm is not None else None
    disk, permissions = await asyncio.gather(
        azure.get_disk(golden.os_disk_id) if golden is not None and golden.os_disk_id else _nothing(),
        _permissions(azure, declared),
    )
    return Facts(
        vm=golden,
        disk=Disk(disk) if disk is not None else None,
        definition=Resource(definition) if definition is not None else None,
        version=Resource(found) if found is not None else None,
        subnet_exists=not declared.clone_subnet_id or subnet is not None,
        group_exists=not declared.clone_resource_group_id or group is not None,
        permissions=permissions,
    )


def scopes(declared: CaptureDeclaration) -> dict[tuple[Holds, str], str]:
    """Where a capture does something: what is there and its scope, with the input that it follows from."""
    golden = group_of(declared.source_vm_id)
    found = {(Holds.GOLDEN, golden): "source_vm_id", (Holds.VERSIONS, declared.image): "image"}
    clone = declared.clone_resource_group_id
    found[Holds.CLONE, clone or golden] = "clone.resource_group_id" if clone else "source_vm_id"
    if declared.clone_subnet_id:
        found[Holds.SUBNET, declared.clone_subnet_id] = "clone.subnet_id"
    return found


async def _permissions(azure: CaptureAzure, declared: CaptureDeclaration) -> dict[tuple[Holds, str], Sequence[Body]]:
    async def read_one(scope: str) -> Sequence[Body] | None:
        try:
            return await azure.list_permissions(scope)
        except (Forbidden, NotFound):
            return None  # then a missing action is known when Azure refuses it

    places = list(scopes(declared))
    answers = await asyncio.gather(*(read_one(scope) for _, scope in places))
    return {place: answer for place, answer in zip(places, answers, strict=True) if answer is not None}


async def _nothing() -> Body | None:
    return None


def check(declared: CaptureDeclaration, facts: Facts) -> Iterator[Finding]:
    """All that forbids it. Nothing where the version is there, made by this very declaration."""
    version = facts.version
    if version is not None and version.tags.get(names.ID) == declared.id:
        said = version.tags.get(names.BOOT_TEST, "")
        if declared.boot_test is not None and said.startswith("failed"):
            yield Finding(
                "version",
                f"{declared.version!r} is there, and its boot test {said}; mend the golden VM or the test, then "
                "declare another version",
            )
        return
    if version is not None:
        yield Finding(
            "version",
            f"{declared.version!r} exists already, made otherwise (another golden VM, os_state or scripts, or by "
            "somebody else), and a version is never overwritten; declare a new one, or "
            f'"{declared.version.rsplit(".", 1)[0]}.*" for the next that is free',
        )
    if facts.vm is None:
        yield Finding("source_vm_id", f"{declared.source_vm_id!r} does not exist, or may not be read; check the id")
    else:
        yield from _golden_vm(declared, facts.vm, facts.disk)
    if facts.definition is None:
        yield Finding("image", f"{declared.image!r} does not exist, or may not be read; make the image definition")
    else:
        yield from _definition(declared, facts.definition, facts.vm, facts.disk)
    for (holds, scope), prop in scopes(declared).items():
        permissions = facts.permissions.get((holds, scope))
        missing = [a for a in needed(holds, declared) if permissions is not None and not allows(permissions, a)]
        if missing:
            them = "it" if len(missing) == 1 else "them"
            yield Finding(
                prop, f"the role lacks {', '.join(missing)} at {scope}; add {them} to the updater's role there"
            )
    if not facts.subnet_exists:
        yield Finding("clone.subnet_id", f"{declared.clone_subnet_id!r} does not exist; check the id")
    if not facts.group_exists:
        yield Finding("clone.resource_group_id", f"{declared.clone_resource_group_id!r} does not exist; make it")


def _golden_vm(declared: CaptureDeclaration, vm: Vm, disk: Disk | None) -> Iterator[Finding]:
    storage = vm.properties.get("storageProfile") or {}
    name = vm.name
    if str(vm.os_disk.get("osType")) != "Windows":
        yield Finding("source_vm_id", f"{name} does not run Windows; name a Windows VM")
    if vm.os_disk.get("diffDiskSettings"):
        yield Finding("source_vm_id", f"{name} has an ephemeral OS disk, which has no snapshots; use a managed disk")
    if vm.security_type == "ConfidentialVM":
        yield Finding("source_vm_id", f"{name} is a confidential VM, whose disk cannot be copied; use another VM")
    if vm.generalized:
        yield Finding(
            "source_vm_id",
            f"{name} was generalized and can never start again; make a new golden VM from a snapshot of before",
        )
    if storage.get("dataDisks") and declared.data_disks is DataDisks.REFUSE:
        disks = ", ".join(str(each.get("name")) for each in storage["dataDisks"])
        yield Finding(
            "source_vm_id",
            f"{name} has data disks ({disks}), which would not be part of the image; move what the image needs to the "
            "OS disk, and detach them or declare data_disks: leave_out",
        )
    if vm.os_disk.get("encryptionSettings") or dig(disk.properties if disk else {}, "encryptionSettingsCollection"):
        yield Finding(
            "source_vm_id", f"{name} is encrypted by Azure Disk Encryption; use encryption at host or a disk "
            "encryption set instead"
        )  # fmt: skip
    if vm.tags.get(names.RECORD) and decode(vm.tags[names.RECORD]) is None:
        yield Finding(
            "source_vm_id",
            f"{name} has a tag {names.RECORD} that cannot be read; see that nothing named avdcap-... is left, then "
            "remove the tag",
        )


def _definition(
    declared: CaptureDeclaration, definition: Resource, vm: Vm | None, disk: Disk | None
) -> Iterator[Finding]:
    properties, name = definition.properties, definition.name
    state = str(properties.get("osState") or "")
    if state.lower() != declared.os_state:
        other = OsState.SPECIALIZED if declared.os_state is OsState.GENERALIZED else OsState.GENERALIZED
        yield Finding(
            "os_state",
            f"{str(declared.os_state)!r} where image definition {name} has {state}; write {other}, or use another one",
        )
    location = normal_location(str(definition.body.get("location") or ""))
    regions = [region.name for region in declared.regions]
    if regions and location not in regions:
        yield Finding("regions", f"{regions} lacks {location}, the region of image definition {name}; add it")
    if vm is None:
        return
    if normal_location(vm.location) != location:
        yield Finding(
            "image", f"{name} is in {location} and the golden VM in {normal_location(vm.location)}; use a definition "
            "in the golden VM's region, and replicate from there"
        )  # fmt: skip
    generation = str(properties.get("hyperVGeneration") or "V1")
    if disk is not None and (disk.generation or "V1") != generation:
        yield Finding(
            "image", f"{name} is of generation {generation} and the golden VM of {disk.generation or 'V1'}; use a "
            "definition of its generation"
        )  # fmt: skip
    yield from _security(name, properties, vm)


def _security(name: str, properties: Body, vm: Vm) -> Iterator[Finding]:
    """Trusted Launch and Standard (learn.microsoft.com/azure/virtual-machines/trusted-launch#image definitions)."""
    feature = next(
        (str(f.get("value")) for f in properties.get("features") or () if f.get("name") == "SecurityType"), "Standard"
    )
    trusted = vm.security_type == "TrustedLaunch"
    if trusted and not feature.startswith("TrustedLaunch"):
        yield Finding(
            "image",
            f"{name} has SecurityType {feature} and the golden VM {name_of(vm.id)} is of Trusted Launch; use a "
            "definition with TrustedLaunchSupported or TrustedLaunch",
        )
    if not trusted and feature == "TrustedLaunch":
        yield Finding(
            "image",
            f"{name} has SecurityType TrustedLaunch and the golden VM is of {vm.security_type}; use a definition with "
            "TrustedLaunchSupported",
        )
