"""The arguments of `GoldenImageVersion`, typed. Made from golden_image_schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(kw_only=True)
class UpdateArgs:
    """A script that is run on the golden VM before the capture."""

    name: pulumi.Input[str]
    """What it is called in messages and tags: letters, digits, blanks, dots and hyphens, 40 at most. Source: The
    product's own choice.
    """

    script: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Lines of PowerShell, run as SYSTEM; exit code 0 is success. After a crash it may run again. It is kept in the
    stack's state: no passwords. Source: Azure Compute REST API, Virtual Machine Run Commands: source.script.
    """

    limit: pulumi.Input[str | float] | None = None
    """How long it may take, PT1M to PT90M; then it is ended, and the capture fails. Default: "PT1H". Source: Azure
    Compute REST API, Virtual Machine Run Commands: timeoutInSeconds; Azure ends a run command after 90 minutes.
    """

    restart: pulumi.Input[bool] | None = None
    """Whether the golden VM is restarted after it. Default: false. Source: The product's own choice."""

    secrets: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Parameters of the script: names, and the URIs of the Key Vault secrets that hold their values. They are read at
    use and go into protectedParameters only. Default: {}. Source: Azure Compute REST API, Virtual Machine Run Commands:
    protectedParameters.
    """


@dataclass(kw_only=True)
class RegionArgs:
    """One region that a version is replicated to."""

    name: pulumi.Input[str]
    """Azure's name of the region. Source: Azure Compute REST API, Gallery Image Versions: targetRegions.name."""

    replicas: pulumi.Input[float] | None = None
    """Copies in the region, 1 to 100: one per 20 machines that are created at the same time. Default: 1. Source: Azure
    documentation, Azure Compute Gallery: scaling.
    """

    storage_type: pulumi.Input[str] | None = None
    """Storage of the copies. Cannot be changed later. One of Standard_LRS, Standard_ZRS, Premium_LRS. Default:
    "Standard_LRS". Source: Azure Compute REST API, Gallery Image Versions: storageAccountType.
    """


@dataclass(kw_only=True)
class CloneArgs:
    """Where and how the clone is made that is sysprepped. Only with os_state: generalized."""

    resource_group_id: pulumi.Input[str] | None = None
    """Id of the resource group of the clone, its disk and interface. Default: the golden VM's own, whose role then
    includes the right to delete machines. Source: The product's own choice.
    """

    subnet_id: pulumi.Input[str] | None = None
    """Id of the clone's subnet. Default: the golden VM's. One without a route to the directory is best, for the clone
    has the golden VM's name. Source: The product's own choice.
    """

    vm_size: pulumi.Input[str] | None = None
    """Size of the clone. Default: the golden VM's. Source: Azure documentation, sizes of virtual machines."""


@dataclass(kw_only=True)
class BootTestArgs:
    """What a version must show before it is offered: a machine made of it is set up, reports its agent, has no AVD
    agent of its own, and passes the script. Until then, and for ever where it fails, the version is excluded from
    latest. Default: tested, without a script. The machine is made where clone says.
    """

    enabled: pulumi.Input[bool] | None = None
    """False offers a version that nobody has booted. Default: true. Source: The product's own choice."""

    script: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Lines of PowerShell, run as SYSTEM; exit code 0 is success. Default: []. Source: Azure Compute REST API, Virtual
    Machine Run Commands: source.script.
    """

    limit: pulumi.Input[str | float] | None = None
    """How long the machine may take to be set up, and how long the script may take, PT5M to PT90M each. Default:
    "PT30M". Source: The product's own choice: Azure gives Windows set-up 20 minutes.
    """

    vm_size: pulumi.Input[str] | None = None
    """Size of the machine. Default: that of clone, else the golden VM's. Source: Azure documentation, sizes of virtual
    machines.
    """


@dataclass(kw_only=True)
class RetentionArgs:
    """Deletes older versions that captures of this golden VM have made, and its older backups, after a capture; the
    preview lists them. Never a version of which a disk was made, that is the target of a host pool or in its
    declaration or history, that is locked, or before its end of life. Without it nothing is ever deleted.
    """

    versions: pulumi.Input[float] | None = None
    """The last so many versions stay, whatever their age; those that failed their boot test do not count. 1 or more.
    Default: 5. Source: The product's own choice.
    """

    age: pulumi.Input[str | float] | None = None
    """Every version stays for so long. Default: "P90D". Source: The product's own choice."""

    backups: pulumi.Input[str | float] | None = None
    """Every snapshot of the golden VM stays for so long, and the newest two for ever. Default: "P30D". Source: The
    product's own choice.
    """

    subscriptions: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Ids of other subscriptions whose disks and host pools use the versions. Those of the definition and the golden VM
    are looked at anyhow. Where the updater may not read disks and host pools of all of one, nothing is deleted.
    Default: []. Source: Azure documentation, Azure Compute Gallery: sharing.
    """


@dataclass(kw_only=True)
class GoldenImageVersionArgs:
    """A version of a gallery image, captured from a golden VM: the machine that is kept up to date, of which a
    sysprepped clone becomes the image.
    """

    source_vm_id: pulumi.Input[str]
    """Id of the golden VM. It is never sysprepped, keeps its disk, and has its power state back at the end. Another one
    is another version. Source: Azure Compute REST API, Virtual Machines - Get.
    """

    image: pulumi.Input[str]
    """Id of the gallery image definition, in the golden VM's region, of its generation and security type. Source: Azure
    Compute REST API, Gallery Images - Get.
    """

    version: pulumi.Input[str]
    """The version to make: x.y.z, or x.y.* for the next one that is free, which is chosen when golden VM, scripts or
    os_state change. A version is never overwritten, and not deleted when another one is declared. Source: Azure
    documentation, Azure Compute Gallery: image versions.
    """

    os_state: pulumi.Input[str] | None = None
    """What the version holds: generalized, from a clone that was sysprepped; or specialized, the golden VM's disk as it
    is, with computer name and accounts. Must be that of the image definition. Session hosts are built from generalized
    ones. One of generalized, specialized. Default: "generalized". Source: Azure documentation, generalized and
    specialized images.
    """

    updates: pulumi.Input[Sequence[pulumi.Input[UpdateArgs | Mapping[str, Any]]]] | None = None
    """Scripts that are run on the golden VM before the capture, one after another; it is started for them where it is
    off. What they do stays on it. Default: []. Source: Azure documentation, managed run commands.
    """

    after_failure: pulumi.Input[str] | None = None
    """What becomes of the golden VM's disk where the capture fails once scripts have begun: restore gives it a disk
    made from the snapshot of before, and keeps its own beside it; keep leaves what the scripts did. One of restore,
    keep. Default: "restore". Source: The product's own choice.
    """

    data_disks: pulumi.Input[str] | None = None
    """A golden VM with data disks: refuse it, or leave them out. They are then not part of the version, of the backups
    or of what is brought back where a script fails; they stay attached to the golden VM. A rollout swaps OS disks, so
    that hosts would not get them from a version anyhow. One of refuse, leave_out. Default: "refuse". Source: The
    product's own choice.
    """

    regions: pulumi.Input[Sequence[pulumi.Input[RegionArgs | Mapping[str, Any]]]] | None = None
    """Regions that the version is replicated to; the image definition's own must be among them. Default: that one, one
    replica. Can be changed later without another capture. Default: []. Source: Azure Compute REST API, Gallery Image
    Versions: publishingProfile.targetRegions.
    """

    exclude_from_latest: pulumi.Input[bool] | None = None
    """Keeps the version from those who declare latest. Can be changed later without another capture. Default: false.
    Source: Azure Compute REST API, Gallery Image Versions: excludeFromLatest.
    """

    end_of_life: pulumi.Input[str] | None = None
    """Until when the version is to be used: ISO 8601 date and time with its offset. It informs only. Source: Azure
    Compute REST API, Gallery Image Versions: endOfLifeDate.
    """

    sysprep_limit: pulumi.Input[str | float] | None = None
    """How long sysprep may take on the clone, PT5M to PT6H; then the capture fails with its log. Default: "PT1H".
    Source: The product's own choice: AVD labs give sysprep about 2 minutes.
    """

    clone: pulumi.Input[CloneArgs | Mapping[str, Any]] | None = None
    """Where and how the clone is made that is sysprepped. Only with os_state: generalized."""

    boot_test: pulumi.Input[BootTestArgs | Mapping[str, Any]] | None = None
    """What a version must show before it is offered: a machine made of it is set up, reports its agent, has no AVD
    agent of its own, and passes the script. Until then, and for ever where it fails, the version is excluded from
    latest. Default: tested, without a script. The machine is made where clone says.
    """

    retention: pulumi.Input[RetentionArgs | Mapping[str, Any]] | None = None
    """Deletes older versions that captures of this golden VM have made, and its older backups, after a capture; the
    preview lists them. Never a version of which a disk was made, that is the target of a host pool or in its
    declaration or history, that is locked, or before its end of life. Without it nothing is ever deleted.
    """

    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Tags of the version, the snapshots and the clone. Names must not begin with avd-. Default: {}. Source: Azure
    documentation, tag resources.
    """
