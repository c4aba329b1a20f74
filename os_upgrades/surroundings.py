"""What the rules look at: the scale set as it will be, and what it depends on. All of it is read before; None stands
for what was not, or could not be, read, and then what would need it is not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from os_upgrades.image_rules import ImageFacts
from os_upgrades.scale_set import Instance, ScaleSet
from rollout.azure import Body

IMAGE = "virtualMachineProfile.storageProfile.imageReference"


@dataclass(frozen=True)
class Cores:
    """Cores of a VM family in the scale set's region."""

    family: str
    free: int
    each: int
    """Of one instance."""


@dataclass(frozen=True)
class Surroundings:
    """What a scale set depends on."""

    image_versions: Sequence[Body] | None = None
    """Versions of the gallery image."""
    load_balancers: Mapping[str, Body | None] = field(default_factory=dict)
    """By id in lower case, those that were asked for; None for one that does not exist."""
    cluster: Body | None = None
    """The Service Fabric cluster of a scale set that is a node type."""
    secrets: Mapping[str, Body | None] = field(default_factory=dict)
    """Key Vault secrets that the model refers to, by URI, those that could be asked for; None for one that is gone."""
    instances: Sequence[Instance] | None = None
    rolling_upgrade: Body | None = None
    """The last one, which may be under way."""
    cores: Cores | None = None
    subnets: Sequence[Body] = ()
    """Those of the instances' interfaces."""


@dataclass(frozen=True)
class Case:
    """What the rules judge."""

    scale_set: ScaleSet
    """With the declaration applied."""
    surroundings: Surroundings
    now: float
    """Epoch seconds."""
    updates_instances: bool = False
    """Whether the declaration brings instances to the latest model."""
    before: ScaleSet | None = None
    """The scale set as it is now, where it is to be changed."""

    @property
    def changes_model(self) -> bool:
        """Whether instances are to be made otherwise than before."""
        return self.before is not None and self.before.profile != self.scale_set.profile

    @property
    def automatic_os_upgrade(self) -> bool:
        return self.scale_set.automatic_os_upgrade

    @property
    def image(self) -> ImageFacts:
        reference, location = self.scale_set.image_reference, self.scale_set.location
        return ImageFacts(reference, location, IMAGE, self.surroundings.image_versions)
