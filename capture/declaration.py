"""What is declared of an image version: from which golden VM, what is done before, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from capture.names import capture_id
from rollout.clock import iso
from rollout.errors import InvalidDeclaration
from rollout.images import normal_location
from rollout.values import DAY, HOUR, MINUTE, choice, duration, moment, secret_uri, whole

VM_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachines/[^/]+", re.IGNORECASE
)
DEFINITION_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+/images/[^/]+",
    re.IGNORECASE,
)
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
NEXT_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.\*")
GROUP_ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+", re.IGNORECASE)
SUBNET_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+",
    re.IGNORECASE,
)
LONGEST_SCRIPT = 90 * MINUTE
"""Azure ends a run command after 90 minutes (learn.microsoft.com/azure/virtual-machines/windows/run-command)."""
STORAGE_TYPES = ("Standard_LRS", "Standard_ZRS", "Premium_LRS")


class OsState(StrEnum):
    """What the version holds."""

    GENERALIZED = "generalized"
    """A clone is sysprepped: machines made of it are set up anew."""
    SPECIALIZED = "specialized"
    """The second snapshot as it is, with its computer name and accounts."""


class AfterFailure(StrEnum):
    """What becomes of the golden VM's disk where the capture fails after update scripts have begun."""

    RESTORE = "restore"
    """It gets a disk made from the first snapshot; its own is kept beside it."""
    KEEP = "keep"
    """It keeps what the scripts did."""


class DataDisks(StrEnum):
    """What becomes of a golden VM that has data disks."""

    REFUSE = "refuse"
    """An error before anything is written: what is on them would be missing in the image."""
    LEAVE_OUT = "leave_out"
    """They are neither in the version nor in the backups, and stay attached as they are."""


@dataclass(frozen=True)
class Update:
    """A script that is run on the golden VM before the capture."""

    name: str
    script: tuple[str, ...]
    """Lines of PowerShell; exit code 0. After a crash it may run again."""
    limit: float = HOUR
    """Seconds after which it is ended, and the capture fails."""
    restart: bool = False
    """Whether the golden VM is restarted after it."""
    secrets: tuple[tuple[str, str], ...] = ()
    """Parameters of the script, each with the URI of the Key Vault secret that holds its value."""


@dataclass(frozen=True)
class BootTest:
    """What a version must show before it is offered: a machine made of it is set up, reports its agent, and passes the
    script."""

    script: tuple[str, ...] = ()
    """Lines of PowerShell; exit code 0."""
    limit: float = HOUR / 2
    """Seconds for the machine to be set up, and again for the script."""
    vm_size: str = ""


@dataclass(frozen=True)
class Retention:
    """What becomes of older versions and backups of the golden VM."""

    versions: int
    """The last so many stay, whatever their age."""
    age: float
    """Seconds for which every version stays."""
    backups: float
    """Seconds for which every snapshot stays; the newest pair always does."""
    subscriptions: tuple[str, ...] = ()
    """Others, by their ids, in which disks and host pools may use the versions."""


@dataclass(frozen=True)
class Region:
    """Where the version is replicated to. `name` is as Azure normalizes it: `westeurope`."""

    name: str
    replicas: int = 1
    storage_type: str = "Standard_LRS"


@dataclass(frozen=True)
class CaptureDeclaration:
    """The inputs of `GoldenImageVersion`, parsed. Durations are seconds."""

    source_vm_id: str
    image: str
    """Id of the gallery image definition."""
    version: str
    """`x.y.z`, or `x.y.*` for the next one that is free."""
    os_state: OsState = OsState.GENERALIZED
    updates: tuple[Update, ...] = ()
    regions: tuple[Region, ...] = ()
    """None: the definition's own region, one replica."""
    exclude_from_latest: bool = False
    end_of_life: str = ""
    """ISO 8601, UTC; empty for none."""
    after_failure: AfterFailure = AfterFailure.RESTORE
    data_disks: DataDisks = DataDisks.REFUSE
    sysprep_limit: float = HOUR
    clone_resource_group_id: str = ""
    """Where the clone is made; empty for the golden VM's own group."""
    clone_subnet_id: str = ""
    clone_vm_size: str = ""
    boot_test: BootTest | None = BootTest()
    """None: a version is offered that nobody has booted."""
    retention: Retention | None = None
    """None: nothing is ever deleted."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of version, snapshots and clone beside the capture's own."""

    @property
    def version_id(self) -> str:
        return f"{self.image}/versions/{self.version}"

    @property
    def id(self) -> str:
        """Names the capture: another golden VM, version, state or script is another capture. Regions and the like are
        not in it, since they can be changed on a version that is there. ARM ids count without case."""
        scripts = [
            "\n".join((u.name, *u.script, str(u.restart), *(f"{k}={v}" for k, v in u.secrets))) for u in self.updates
        ]
        return capture_id(self.source_vm_id.lower(), self.version_id.lower(), self.os_state, *scripts)


def parse(inputs: Mapping[str, Any]) -> CaptureDeclaration:
    """The plain inputs. Raises InvalidDeclaration for the first that cannot be used."""
    given = {name: value for name, value in inputs.items() if value is not None}
    declared: dict[str, Any] = {
        "source_vm_id": _id("source_vm_id", given.get("source_vm_id"), VM_ID, "virtual machine", VM_EXAMPLE),
        "image": _id("image", given.get("image"), DEFINITION_ID, "gallery image definition", DEFINITION_EXAMPLE),
        "version": _version(given.get("version")),
        "updates": _updates(given.get("updates") or ()),
        "regions": _regions(given.get("regions") or ()),
        "exclude_from_latest": bool(given.get("exclude_from_latest", False)),
        "tags": _tags(given.get("tags") or {}),
    }
    if "os_state" in given:
        declared["os_state"] = choice("os_state", given["os_state"], OsState)
    if "after_failure" in given:
        declared["after_failure"] = choice("after_failure", given["after_failure"], AfterFailure)
    if "data_disks" in given:
        declared["data_disks"] = choice("data_disks", given["data_disks"], DataDisks)
    if given.get("end_of_life"):
        declared["end_of_life"] = iso(moment("end_of_life", given["end_of_life"]))
    if "sysprep_limit" in given:
        declared["sysprep_limit"] = _between("sysprep_limit", given["sysprep_limit"], 5 * MINUTE, DAY / 4)
    declared["boot_test"] = _boot_test(given.get("boot_test") or {})
    if "retention" in given:
        declared["retention"] = _retention(given["retention"])
    declared |= _clone(given.get("clone") or {}, declared.get("os_state"), tested=declared["boot_test"] is not None)
    return CaptureDeclaration(**declared)


VM_EXAMPLE = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Compute/virtualMachines/<name>"
DEFINITION_EXAMPLE = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Compute/galleries/<g>/images/<i>"
SUBNET_EXAMPLE = (
    "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Network/virtualNetworks/<network>/subnets/<name>"
)


def _id(prop: str, value: Any, shape: re.Pattern[str], what: str, example: str) -> str:
    text = str(value or "").strip().rstrip("/")
    if not shape.fullmatch(text):
        raise InvalidDeclaration(prop, value, f"is not the id of a {what}", f"write {example}")
    return text


def _version(value: Any) -> str:
    text = str(value or "").strip()
    if not VERSION.fullmatch(text) and not NEXT_VERSION.fullmatch(text):
        raise InvalidDeclaration("version", value, "is no version", 'write x.y.z such as "1.0.2", or "1.0.*"')
    if any(int(part) > 2**31 - 1 for part in text.split(".") if part != "*"):
        raise InvalidDeclaration("version", value, "is too large", "write parts of 2147483647 at most")
    return text


def _between(prop: str, value: Any, least: float, most: float) -> float:
    seconds = duration(prop, value)
    if not least <= seconds <= most:
        raise InvalidDeclaration(
            prop, value, "is out of range", f"write a duration from PT{least / MINUTE:.0f}M to PT{most / MINUTE:.0f}M"
        )
    return seconds


def _updates(given: Any) -> tuple[Update, ...]:
    updates = tuple(_update(f"updates[{number}]", item) for number, item in enumerate(given))
    names = [update.name for update in updates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidDeclaration("updates", twice, "is there twice", "give each script a name of its own")
    return updates


def _update(prop: str, given: Mapping[str, Any]) -> Update:
    name = str(given.get("name") or "").strip()
    if not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,39}", name):
        raise InvalidDeclaration(f"{prop}.name", name, "is no name", 'write 40 characters at most, such as "office"')
    script = tuple(str(line) for line in given.get("script") or ())
    if not any(line.strip() for line in script):
        raise InvalidDeclaration(f"{prop}.script", list(script), "is empty", 'write lines such as ["winget upgrade"]')
    secrets = {str(key): str(uri) for key, uri in (given.get("secrets") or {}).items()}
    for key, uri in secrets.items():
        if not key.isidentifier():
            raise InvalidDeclaration(
                f"{prop}.secrets", key, "is no name of a parameter", 'write one such as "SiteToken"'
            )
        secret_uri(f"{prop}.secrets.{key}", uri)
    limit = _between(f"{prop}.limit", given.get("limit", HOUR), MINUTE, LONGEST_SCRIPT)
    return Update(name, script, limit, bool(given.get("restart", False)), tuple(sorted(secrets.items())))


def _regions(given: Any) -> tuple[Region, ...]:
    regions = []
    for number, item in enumerate(given):
        prop = f"regions[{number}]"
        name = normal_location(str(item.get("name") or ""))
        if not re.fullmatch(r"[a-z0-9]+", name):
            raise InvalidDeclaration(f"{prop}.name", item.get("name"), "is no region", 'write one such as "westeurope"')
        replicas = whole(f"{prop}.replicas", item.get("replicas", 1), at_least=1)
        if replicas > 100:
            raise InvalidDeclaration(f"{prop}.replicas", replicas, "is out of range", "write 1 to 100")
        storage = str(item.get("storage_type") or "Standard_LRS")
        if storage not in STORAGE_TYPES:
            remedy = f"use one of {', '.join(STORAGE_TYPES)}"
            raise InvalidDeclaration(f"{prop}.storage_type", storage, "is not known", remedy)
        regions.append(Region(name, replicas, storage))
    names = [region.name for region in regions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidDeclaration("regions", twice, "is there twice", "list each region once")
    return tuple(regions)


def _boot_test(given: Mapping[str, Any]) -> BootTest | None:
    if not given.get("enabled", True):
        useless = next((name for name in ("script", "limit", "vm_size") if given.get(name)), None)
        if useless is not None:
            remedy = "leave it out, or leave enabled out"
            raise InvalidDeclaration(f"boot_test.{useless}", given[useless], "is of no use with enabled: false", remedy)
        return None
    script = tuple(str(line) for line in given.get("script") or ())
    limit = _between("boot_test.limit", given.get("limit", HOUR / 2), 5 * MINUTE, LONGEST_SCRIPT)
    return BootTest(script, limit, str(given.get("vm_size") or ""))


def _retention(given: Mapping[str, Any]) -> Retention:
    subscriptions = tuple(str(each).lower() for each in given.get("subscriptions") or ())
    for number, each in enumerate(subscriptions):
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each):
            prop = f"retention.subscriptions[{number}]"
            raise InvalidDeclaration(prop, each, "is no subscription id", "write its GUID, as az account list shows it")
    return Retention(
        whole("retention.versions", given.get("versions", 5), at_least=1),
        duration("retention.age", given.get("age", "P90D")),
        duration("retention.backups", given.get("backups", "P30D")),
        subscriptions,
    )


def _clone(given: Mapping[str, Any], os_state: OsState | None, *, tested: bool) -> dict[str, str]:
    """Of the clone, and of the machine of a boot test."""
    if given and os_state is OsState.SPECIALIZED and not tested:
        raise InvalidDeclaration(
            "clone", dict(given), "is of no use with os_state: specialized and no boot test", "leave one out"
        )
    found = {"clone_vm_size": str(given.get("vm_size") or "")}
    if given.get("resource_group_id"):
        example = "/subscriptions/<id>/resourceGroups/<group>"
        found["clone_resource_group_id"] = _id(
            "clone.resource_group_id", given["resource_group_id"], GROUP_ID, "resource group", example
        )
    if given.get("subnet_id"):
        found["clone_subnet_id"] = _id("clone.subnet_id", given["subnet_id"], SUBNET_ID, "subnet", SUBNET_EXAMPLE)
    return found


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    tags = {str(name): str(value) for name, value in given.items()}
    ours = next((name for name in tags if name.lower().startswith("avd-")), None)
    if ours is not None:
        raise InvalidDeclaration("tags", ours, "begins with avd-, which marks the capture's own", "name it otherwise")
    return tags
