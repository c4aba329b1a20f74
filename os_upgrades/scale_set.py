"""Read-only views of a scale set and of its instances, under Azure's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rollout.arm import ArmResource, dig
from rollout.azure import Body
from rollout.images import normal_location

HEALTH_PUBLISHER = "microsoft.managedservices"
HEALTH_TYPES = ("applicationhealthwindows", "applicationhealthlinux")
SERVICE_FABRIC_PUBLISHER = "microsoft.azure.servicefabric"
SERVICE_FABRIC_TYPES = ("servicefabricnode", "servicefabriclinuxnode")
"""Publishers and types are compared in lower case."""


@dataclass(frozen=True)
class ModelExtension:
    """An extension of the scale set's model."""

    name: str
    properties: Body

    def text(self, name: str) -> str:
        return str(self.properties.get(name) or "")

    @property
    def settings(self) -> Body:
        found = self.properties.get("settings")
        return found if isinstance(found, dict) else {}

    def is_one_of(self, publisher: str, types: tuple[str, ...]) -> bool:
        return self.text("publisher").lower() == publisher and self.text("type").lower() in types


class ScaleSet(ArmResource):
    """A scale set, as GET answers it."""

    @property
    def etag(self) -> str:
        return str(self.body.get("etag") or "*")

    @property
    def location(self) -> str:
        return normal_location(str(self.body.get("location") or ""))

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(self.body.get("zones") or ())

    @property
    def capacity(self) -> int:
        """Instances that the scale set shall have."""
        return int(dig(self.body, "sku", "capacity") or 0)

    @property
    def vm_size(self) -> str:
        return str(dig(self.body, "sku", "name") or "")

    @property
    def flexible(self) -> bool:
        """Orchestration mode Flexible; without one a scale set is Uniform."""
        return str(self.properties.get("orchestrationMode") or "Uniform").lower() == "flexible"

    @property
    def several_placement_groups(self) -> bool:
        """`singlePlacementGroup` false; Azure's default is true."""
        return self.properties.get("singlePlacementGroup") is False

    @property
    def profile(self) -> Body:
        """`virtualMachineProfile`."""
        found: Body = self.properties.get("virtualMachineProfile") or {}
        return found

    @property
    def image_reference(self) -> Body:
        found: Body = dig(self.profile, "storageProfile", "imageReference") or {}
        return found

    @property
    def windows(self) -> bool:
        """By what the model says of the guest; Azure shows osType of the OS disk."""
        if dig(self.profile, "osProfile", "windowsConfiguration") is not None:
            return True
        return str(dig(self.profile, "storageProfile", "osDisk", "osType") or "").lower() == "windows"

    @property
    def health_probe_id(self) -> str:
        """The load balancer probe that says how instances are, or empty."""
        return str(dig(self.profile, "networkProfile", "healthProbe", "id") or "")

    @cached_property
    def extensions(self) -> tuple[ModelExtension, ...]:
        listed = dig(self.profile, "extensionProfile", "extensions") or ()
        return tuple(ModelExtension(str(each.get("name")), each.get("properties") or {}) for each in listed)

    @property
    def health_extension(self) -> ModelExtension | None:
        """The Application Health extension."""
        return next((e for e in self.extensions if e.is_one_of(HEALTH_PUBLISHER, HEALTH_TYPES)), None)

    @property
    def service_fabric(self) -> ModelExtension | None:
        """The Service Fabric extension; a scale set that has it is a node type of a cluster."""
        return next((e for e in self.extensions if e.is_one_of(SERVICE_FABRIC_PUBLISHER, SERVICE_FABRIC_TYPES)), None)

    def policy(self, *path: str) -> Any:
        """A value of `upgradePolicy`."""
        return dig(self.properties, "upgradePolicy", *path)

    @property
    def by_hand(self) -> bool:
        """Mode Manual, in which instances get the latest model when somebody brings them to it; also where none is
        shown."""
        return str(self.policy("mode") or "Manual") == "Manual"

    @property
    def automatic_os_upgrade(self) -> bool:
        return self.policy("automaticOSUpgradePolicy", "enableAutomaticOSUpgrade") is True


@dataclass(frozen=True)
class Instance(ArmResource):
    """An instance of a scale set, with or without its instance view. Of a Flexible scale set it is a virtual machine,
    of which Azure does not say whether it has the latest model."""

    @property
    def instance_id(self) -> str:
        return str(self.body.get("instanceId") or self.name)

    @property
    def latest_model(self) -> bool | None:
        """Whether the scale set's model is applied to it; None where Azure does not say."""
        said = self.properties.get("latestModelApplied")
        return said if isinstance(said, bool) else None

    @property
    def provisioning_state(self) -> str:
        return str(self.properties.get("provisioningState") or "")

    @property
    def health(self) -> str:
        """`healthy`, `unhealthy`, `initializing`, `unknown`, or empty where nothing reports it. The codes are
        `HealthState/healthy` (unverified)."""
        code = str(dig(self.properties, "instanceView", "vmHealth", "status", "code") or "")
        return code.rpartition("/")[2].lower()


def merged(body: Mapping[str, Any], patch: Mapping[str, Any]) -> Body:
    """A body with a PATCH applied as Azure does: objects are merged, all else is replaced, None takes away."""
    found: Body = dict(body)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(found.get(name), Mapping):
            found[name] = merged(found[name], value)
        else:
            found[name] = merged({}, value) if isinstance(value, Mapping) else value
    return found
