"""A scale set that rolls OS upgrades, whole: what Azure would refuse of it is refused in the preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import compute

from components.scale_set_upgrades import ScaleSetUpgrades, policy_parts
from os_upgrades.declaration import image_reference
from os_upgrades.findings import Finding, Severity
from os_upgrades.scale_set import ScaleSet as Model
from os_upgrades.scale_set_rules import check
from os_upgrades.surroundings import Case, Surroundings

TYPE = "avd:index:ScaleSet"
NETWORK_API = "2020-11-01"
"""`networkApiVersion`, which scale sets of orchestration mode Flexible must name."""
SNAKE = {
    "sharedGalleryImageId": "shared_gallery_image_id",
    "communityGalleryImageId": "community_gallery_image_id",
}
PLACEHOLDER = "/subscriptions/_/resourceGroups/_/providers/Microsoft.Compute/galleries/_/images/_"
"""Stands for an image's id that is not known yet."""


@dataclass(frozen=True)
class ScaleSetArgs:
    """Ids may be outputs of other resources."""

    resource_group_name: pulumi.Input[str]
    scale_set_name: str
    location: str
    vm_size: str
    capacity: int
    """Instances."""
    windows: bool
    """Windows or Linux."""
    image: pulumi.Input[str]
    """A gallery image definition's id, or `publisher:offer:sku`: its latest version is followed."""
    subnet_id: pulumi.Input[str]
    admin_username: pulumi.Input[str]
    upgrades: ScaleSetUpgrades
    admin_password: pulumi.Input[str] | None = None
    """Make it a secret of the stack. Windows needs it; Linux this or ssh_public_key."""
    ssh_public_key: pulumi.Input[str] | None = None
    computer_name_prefix: str | None = None
    """Default: the first nine characters of the scale set's name."""
    custom_data: pulumi.Input[str] | None = None
    """Base64. It runs again on each new OS disk."""
    extensions: Sequence[compute.VirtualMachineScaleSetExtensionArgs] = ()
    """Besides the health extension. They run again on each new OS disk, in the order of provision_after_extensions."""
    backend_pool_ids: Sequence[pulumi.Input[str]] = ()
    """Back-end pools of load balancers."""
    os_disk_type: str = "Premium_LRS"
    data_disk_sizes_gb: Sequence[int] = ()
    """Empty data disks, by size. They stay when the OS disk is replaced."""
    zones: Sequence[str] = ()
    orchestration_mode: str = "Uniform"
    """Uniform | Flexible."""
    single_placement_group: bool | None = None
    """Default: true for Uniform, false for Flexible, as Azure has it."""
    platform_fault_domain_count: int | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.windows and self.admin_password is None:
            raise ValueError("admin_password: None is missing, and Windows needs it; give it as a secret of the stack")
        if not self.windows and self.admin_password is None and self.ssh_public_key is None:
            raise ValueError("ssh_public_key: None is missing; give it, or admin_password")
        if self.orchestration_mode not in ("Uniform", "Flexible"):
            raise ValueError(f"orchestration_mode: {self.orchestration_mode!r} is not known; use Uniform or Flexible")

    @property
    def flexible(self) -> bool:
        return self.orchestration_mode == "Flexible"


class ScaleSet(pulumi.ComponentResource):
    """A virtual machine scale set with its upgrade policy, source of health and notifications.

    Raises RunError, which Pulumi shows without a traceback, for a rule of Azure that it breaks, as far as the program's
    own values say; what depends on what is in Azure (image versions, load balancers) is judged by a
    `ScaleSetUpgradePolicy` for it.
    """

    scale_set_id: pulumi.Output[str]
    scale_set_name: pulumi.Output[str]

    def __init__(self, name: str, args: ScaleSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        warnings = judged(args)
        super().__init__(TYPE, name, {}, opts)
        for warning in warnings:
            pulumi.log.warn(str(warning), self)
        parts = policy_parts(args.upgrades, windows=args.windows)
        made = compute.VirtualMachineScaleSet(
            name,
            resource_group_name=args.resource_group_name,
            vm_scale_set_name=args.scale_set_name,
            location=args.location,
            sku=compute.SkuArgs(name=args.vm_size, capacity=args.capacity),
            zones=list(args.zones) or None,
            orchestration_mode=args.orchestration_mode,
            single_placement_group=args.single_placement_group,
            platform_fault_domain_count=args.platform_fault_domain_count,
            upgrade_policy=parts.upgrade_policy,
            virtual_machine_profile=compute.VirtualMachineScaleSetVMProfileArgs(
                os_profile=_os_profile(args, parts.windows_configuration),
                storage_profile=_storage_profile(args),
                network_profile=_network_profile(args, parts.health_probe),
                extension_profile=_extension_profile(args, parts.health_extension),
                scheduled_events_profile=parts.scheduled_events_profile,
            ),
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.scale_set_id = made.id
        self.scale_set_name = made.name
        self.register_outputs({"scale_set_id": self.scale_set_id, "scale_set_name": self.scale_set_name})


def judged(args: ScaleSetArgs) -> list[Finding]:
    """The warnings that the scale set leads to. Raises RunError with all errors."""
    findings = check(Case(Model(model(args)), Surroundings(), now=0.0))
    errors = [str(each) for each in findings if each.severity is Severity.ERROR]
    if errors:
        raise pulumi.RunError("\n".join(errors))
    return [each for each in findings if each.severity is Severity.WARNING]


def model(args: ScaleSetArgs) -> dict[str, Any]:
    """The scale set as Azure would show it, as far as the rules look at it; outputs of other resources are left out or
    have something valid in their place."""
    upgrades, mode = args.upgrades, args.orchestration_mode
    extension, off = upgrades.extension, upgrades.policy.automatic_os_upgrade
    listed = [_plain_extension(each) for each in args.extensions]
    if extension is not None:
        listed.append({"name": "HealthExtension", "properties": extension.body(windows=args.windows)})
    windows = {"windowsConfiguration": {"enableAutomaticUpdates": not off}} if args.windows else {}
    single = args.single_placement_group
    probe = upgrades.health_probe_id
    known = probe if isinstance(probe, str) else "/loadBalancers/_/probes/_"
    terminate = upgrades.terminate
    return {
        "id": "",
        "location": args.location,
        "zones": list(args.zones),
        "sku": {"name": args.vm_size, "capacity": args.capacity},
        "properties": {
            "orchestrationMode": mode,
            "singlePlacementGroup": not args.flexible if single is None else single,
            "upgradePolicy": upgrades.policy.body(),
            "virtualMachineProfile": {
                "osProfile": windows,
                "storageProfile": {"imageReference": _reference(args.image)},
                "networkProfile": {"healthProbe": {"id": known}} if probe is not None else {},
                "extensionProfile": {"extensions": listed},
                "scheduledEventsProfile": {"terminateNotificationProfile": terminate.body()} if terminate else {},
            },
        },
    }


def _reference(image: pulumi.Input[str]) -> dict[str, Any]:
    return image_reference(image) if isinstance(image, str) else {"id": PLACEHOLDER}


def _plain_extension(extension: compute.VirtualMachineScaleSetExtensionArgs) -> dict[str, Any]:
    settings, after = extension.settings, extension.provision_after_extensions
    return {
        "name": extension.name,
        "properties": {
            "publisher": extension.publisher,
            "type": extension.type,
            "typeHandlerVersion": extension.type_handler_version,
            "settings": settings if isinstance(settings, Mapping) else {},
            "provisionAfterExtensions": list(after) if isinstance(after, Sequence) else [],
        },
    }


def _os_profile(
    args: ScaleSetArgs, windows: compute.WindowsConfigurationArgs | None
) -> compute.VirtualMachineScaleSetOSProfileArgs:
    ssh = None
    if args.ssh_public_key is not None:
        path = pulumi.Output.concat("/home/", args.admin_username, "/.ssh/authorized_keys")
        key = compute.SshPublicKeyArgs(path=path, key_data=args.ssh_public_key)
        ssh = compute.SshConfigurationArgs(public_keys=[key])
    linux = compute.LinuxConfigurationArgs(disable_password_authentication=args.admin_password is None, ssh=ssh)
    return compute.VirtualMachineScaleSetOSProfileArgs(
        computer_name_prefix=args.computer_name_prefix or args.scale_set_name[:9],
        admin_username=args.admin_username,
        admin_password=args.admin_password,
        custom_data=args.custom_data,
        windows_configuration=windows,
        linux_configuration=None if args.windows else linux,
    )


def _storage_profile(args: ScaleSetArgs) -> compute.VirtualMachineScaleSetStorageProfileArgs:
    kind = compute.VirtualMachineScaleSetManagedDiskParametersArgs(storage_account_type=args.os_disk_type)
    named = image_reference(args.image) if isinstance(args.image, str) else {"id": args.image}
    reference = compute.ImageReferenceArgs(**{SNAKE.get(key, key): value for key, value in named.items()})
    return compute.VirtualMachineScaleSetStorageProfileArgs(
        image_reference=reference,
        os_disk=compute.VirtualMachineScaleSetOSDiskArgs(create_option="FromImage", managed_disk=kind),
        data_disks=[
            compute.VirtualMachineScaleSetDataDiskArgs(lun=lun, create_option="Empty", disk_size_gb=size)
            for lun, size in enumerate(args.data_disk_sizes_gb)
        ],
    )


def _network_profile(
    args: ScaleSetArgs, probe: compute.ApiEntityReferenceArgs | None
) -> compute.VirtualMachineScaleSetNetworkProfileArgs:
    address = compute.VirtualMachineScaleSetIPConfigurationArgs(
        name="ip",
        primary=True,
        subnet=compute.ApiEntityReferenceArgs(id=args.subnet_id),
        load_balancer_backend_address_pools=[compute.SubResourceArgs(id=pool) for pool in args.backend_pool_ids],
    )
    nic = compute.VirtualMachineScaleSetNetworkConfigurationArgs(name="nic", primary=True, ip_configurations=[address])
    return compute.VirtualMachineScaleSetNetworkProfileArgs(
        network_interface_configurations=[nic],
        health_probe=probe,
        network_api_version=NETWORK_API if args.flexible else None,
    )


def _extension_profile(
    args: ScaleSetArgs, health: compute.VirtualMachineScaleSetExtensionArgs | None
) -> compute.VirtualMachineScaleSetExtensionProfileArgs | None:
    extensions = [*args.extensions, *([health] if health is not None else [])]
    return compute.VirtualMachineScaleSetExtensionProfileArgs(extensions=extensions) if extensions else None
