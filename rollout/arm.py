"""Read-only views of Azure's REST bodies: the few facts the engine decides by, under Azure's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rollout.azure import Body
from rollout.clock import from_iso


def same_id(one: str | None, other: str | None) -> bool:
    """ARM ids are compared without case: Azure itself returns them in several (recordings 2021-2024)."""
    return one is not None and other is not None and one.rstrip("/").lower() == other.rstrip("/").lower()


def name_of(resource_id: str) -> str:
    """The last segment of an id."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1]


def group_of(resource_id: str) -> str:
    """The id of the resource group that holds a resource."""
    return "/".join(resource_id.split("/")[:5])


def subscription_of(resource_id: str) -> str:
    """The subscription's GUID."""
    return resource_id.split("/")[2]


def dig(body: Any, *path: str) -> Any:
    """The value at a path of keys, or None where any of them is missing."""
    for key in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


@dataclass(frozen=True)
class ArmResource:
    """What all resources have. `body` is the REST body, for what is copied and not interpreted."""

    body: Body = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def name(self) -> str:
        return name_of(self.id)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.body.get("tags") or {})

    @property
    def properties(self) -> Body:
        found: Body = self.body.get("properties") or {}
        return found


@dataclass(frozen=True)
class Extension:
    """A VM extension, from the VM's child `resources`."""

    name: str
    publisher: str
    type: str
    provisioning_state: str
    status: str = ""
    """What the instance view says of it, such as an error message; empty without an instance view."""
    codes: tuple[str, ...] = ()
    """Codes of its statuses in the instance view, such as `ProvisioningState/succeeded`."""
    reported_at: float = 0.0
    """Epoch seconds of the newest status, 0 where none has a time."""


@dataclass(frozen=True)
class Vm(ArmResource):
    """A virtual machine."""

    stuck: bool = False
    """An operation has run on it for longer than any does: it is not waited for any more."""

    @property
    def etag(self) -> str:
        return str(self.body.get("etag") or "*")

    @property
    def location(self) -> str:
        return str(self.body["location"])

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(self.body.get("zones") or ())

    @property
    def vm_id(self) -> str:
        """The VM's GUID; an OS disk swap does not change it (recording compute-vm-os-disk-swap)."""
        return str(self.properties.get("vmId") or "")

    @property
    def size(self) -> str:
        return str(dig(self.properties, "hardwareProfile", "vmSize") or "")

    @property
    def provisioning_state(self) -> str:
        return str(self.properties.get("provisioningState") or "")

    @property
    def busy(self) -> bool:
        """An operation runs on the VM: nothing else may be written meanwhile (a VM write can preempt it)."""
        if self.stuck:
            return False
        return self.provisioning_state in ("Creating", "Updating", "Deleting", "Migrating") or self.power in (
            "starting",
            "stopping",
            "deallocating",
        )

    @property
    def changing(self) -> bool:
        """An operation runs on the VM, or on one of its extensions, which a write of the VM would preempt."""
        extending = any(e.provisioning_state in ("Creating", "Updating", "Deleting") for e in self.extensions)
        return self.busy or (extending and not self.stuck)

    @property
    def os_disk(self) -> Body:
        found: Body = dig(self.properties, "storageProfile", "osDisk") or {}
        return found

    @property
    def os_disk_id(self) -> str:
        return str(dig(self.os_disk, "managedDisk", "id") or "")

    @property
    def os_disk_name(self) -> str:
        return str(self.os_disk.get("name") or name_of(self.os_disk_id))

    @property
    def security_type(self) -> str:
        """Standard, TrustedLaunch or ConfidentialVM; a VM without a security profile is Standard."""
        return str(dig(self.properties, "securityProfile", "securityType") or "Standard")

    @property
    def nic_ids(self) -> tuple[str, ...]:
        nics = dig(self.properties, "networkProfile", "networkInterfaces") or ()
        primary_first = sorted(nics, key=lambda nic: not dig(nic, "properties", "primary"))
        return tuple(str(nic["id"]) for nic in primary_first)

    @property
    def computer_name(self) -> str:
        return str(dig(self.properties, "osProfile", "computerName") or self.name)

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """Extensions and managed run commands live in the VM's child `resources`."""
        statuses: dict[str, list[Body]] = {
            str(item.get("name")): list(item.get("statuses") or ())
            for item in dig(self.properties, "instanceView", "extensions") or ()
        }
        found = []
        for child in self.body.get("resources") or ():
            name = name_of(str(child.get("name") or child["id"]))
            properties = child.get("properties") or {}
            found.append(
                Extension(
                    name,
                    str(properties.get("publisher") or ""),
                    str(properties.get("type") or properties.get("typePropertiesType") or ""),
                    str(properties.get("provisioningState") or ""),
                    "; ".join(str(s.get("message") or s.get("displayStatus") or "") for s in statuses.get(name, ())),
                    tuple(str(s.get("code") or "") for s in statuses.get(name, ())),
                    max((from_iso(str(s["time"])) for s in statuses.get(name, ()) if s.get("time")), default=0.0),
                )
            )
        return tuple(found)

    def extension(self, publisher: str, kind: str) -> Extension | None:
        """The extension of one handler type: Windows allows one of each."""
        return next(
            (e for e in self.extensions if e.publisher.lower() == publisher.lower() and e.type.lower() == kind.lower()),
            None,
        )

    # -- the instance view; statuses are looked up by code, never by index (OSState comes first when present)

    @property
    def status_codes(self) -> tuple[str, ...]:
        return tuple(str(s.get("code")) for s in dig(self.properties, "instanceView", "statuses") or ())

    @property
    def power(self) -> str:
        """`running`, `deallocated`, `stopped`, `starting` ..., or empty without an instance view."""
        return next((c.split("/", 1)[1] for c in self.status_codes if c.startswith("PowerState/")), "")

    @property
    def running(self) -> bool:
        return self.power == "running"

    @property
    def off(self) -> bool:
        return self.power in ("deallocated", "stopped")

    @property
    def generalized(self) -> bool:
        return "OSState/generalized" in self.status_codes

    @property
    def agent_ready(self) -> bool:
        """The VM agent reports Ready. After a start this may be the value from before (inferred from recordings)."""
        statuses = dig(self.properties, "instanceView", "vmAgent", "statuses") or ()
        return any(str(s.get("displayStatus")) == "Ready" for s in statuses)


@dataclass(frozen=True)
class Disk(ArmResource):
    """A managed disk."""

    @property
    def managed_by(self) -> str | None:
        """The VM the disk is attached to; absent, not null, when it is detached."""
        value = self.body.get("managedBy")
        return str(value) if value else None

    @property
    def size_gb(self) -> int:
        return int(dig(self.body, "properties", "diskSizeGB") or 0)

    @property
    def sku(self) -> str:
        return str(dig(self.body, "sku", "name") or "")

    @property
    def generation(self) -> str:
        return str(dig(self.body, "properties", "hyperVGeneration") or "")

    @property
    def security_type(self) -> str:
        return str(dig(self.body, "properties", "securityProfile", "securityType") or "Standard")

    @property
    def encryption_set(self) -> str | None:
        value = dig(self.body, "properties", "encryption", "diskEncryptionSetId")
        return str(value) if value else None

    @property
    def source_image(self) -> str | None:
        """The image the disk was made from: the gallery reference is the durable evidence, else the image reference."""
        creation = dig(self.body, "properties", "creationData") or {}
        gallery = creation.get("galleryImageReference") or {}
        named = (gallery.get(key) for key in ("id", "sharedGalleryImageId", "communityGalleryImageId"))
        value = next(filter(None, named), None) or dig(creation, "imageReference", "id")
        return str(value) if value else None


@dataclass(frozen=True)
class HealthCheck:
    name: str
    result: str
    message: str


FATAL_CHECKS = ("DomainJoinedCheck", "DomainTrustCheck", "SxSStackListenerCheck")
"""Azure Virtual Desktop REST reference, sessionHostHealthCheckResults: these make a host unusable."""


@dataclass(frozen=True)
class SessionHost(ArmResource):
    """A session host's record in its pool."""

    @property
    def name(self) -> str:
        """FQDN when domain joined, short name when Entra joined."""
        return name_of(str(self.body.get("name") or self.id))

    @property
    def vm_resource_id(self) -> str | None:
        value = self.properties.get("resourceId")
        return str(value) if value else None

    @property
    def allow_new_session(self) -> bool:
        return bool(self.properties.get("allowNewSession"))

    @property
    def status(self) -> str:
        return str(self.properties.get("status") or "")

    @property
    def sessions(self) -> int:
        return int(self.properties.get("sessions") or 0)

    def lean(self) -> SessionHost:
        """Without the health checks, which are two thirds of it and asked for only while the host is verified."""
        kept = {name: value for name, value in self.properties.items() if name != "sessionHostHealthCheckResults"}
        return SessionHost({"id": self.id, "name": self.body.get("name"), "properties": kept})

    @property
    def friendly_name(self) -> str | None:
        value = self.properties.get("friendlyName")
        return str(value) if value else None

    @property
    def agent_version(self) -> str:
        return str(self.properties.get("agentVersion") or "")

    @property
    def update_state(self) -> str:
        """Of the agent: Initial, Pending, Started, Succeeded or Failed."""
        return str(self.properties.get("updateState") or "")

    @property
    def update_error(self) -> str:
        return str(self.properties.get("updateErrorMessage") or "")

    @property
    def heartbeat(self) -> float:
        """Epoch seconds of the last heartbeat, 0 for none."""
        value = self.properties.get("lastHeartBeat")
        return from_iso(str(value)) if value else 0.0

    @property
    def health_checks(self) -> tuple[HealthCheck, ...]:
        return tuple(
            HealthCheck(
                str(item.get("healthCheckName")),
                str(item.get("healthCheckResult")),
                str(dig(item, "additionalFailureDetails", "message") or ""),
            )
            for item in self.properties.get("sessionHostHealthCheckResults") or ()
        )

    @property
    def fatal_findings(self) -> tuple[str, ...]:
        """Fatal health checks that do not succeed."""
        return tuple(
            f"{check.name}: {check.message or check.result}"
            for check in self.health_checks
            if check.name in FATAL_CHECKS and check.result not in ("HealthCheckSucceeded", "Unknown")
        )

    def beats(self, now: float, *, within: float = 300.0) -> bool:
        """Its heartbeat is fresh: `status` stays Available for hours after the last one (recording
        avd-sessionhost-get-and-list), so status alone proves nothing."""
        return now - self.heartbeat <= within


@dataclass(frozen=True)
class UserSession(ArmResource):
    """A user's session on a host."""

    @property
    def state(self) -> str:
        """Active, Disconnected, Pending, LogOff, UserProfileDiskMounted or Unknown."""
        return str(dig(self.body, "properties", "sessionState") or "Unknown")

    @property
    def user(self) -> str:
        return str(dig(self.body, "properties", "userPrincipalName") or "")

    @property
    def created(self) -> float | None:
        """Epoch second at which it began; a list of the whole pool does not say it (recording
        avd-usersessions-list-message-disconnect-delete)."""
        value = dig(self.body, "properties", "createTime")
        return from_iso(str(value)) if value else None
