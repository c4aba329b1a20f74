"""The rights that the rolling image update runs under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from components.capture_role_actions import CapturePurpose
from components.custom_role import CustomRoles
from components.update_role_actions import Purpose
from components.update_role_plan import AnyPurpose, roles
from components.upgrade_role_actions import UpgradePurpose

TYPE = "avd:index:ImageUpdateRole"


@dataclass(frozen=True)
class CaptureRoleArgs:
    """What captures of image versions need beside the update. Ids as in `ImageUpdateRoleArgs`."""

    golden_resource_group: str
    """Of the golden VM, its disk, snapshots and interface."""
    image_id: str
    """The gallery, or the image definition."""
    subnet_id: str
    """Of the clone: the golden VM's, or the declared one."""
    clone_resource_group: str | None = None
    """Default: the golden VM's, which then also gets the right to delete machines."""
    retention_subscriptions: Sequence[str] = ()
    """`/subscriptions/<id>` in which `retention` looks for what uses a version: those of golden VM, gallery, session
    hosts and pools. None: nothing is ever deleted."""


@dataclass(frozen=True)
class ImageUpdateRoleArgs:
    """Ids may be those of resources or of their resource groups. They are plain strings, not outputs: how many
    assignments there are must be known before anything is made."""

    principal_id: pulumi.Input[str]
    """Object id of the service principal or managed identity that runs the update (not its client id)."""
    host_pool_id: str
    """Empty where only scale sets and Batch pools are upgraded."""
    host_resource_groups: Sequence[str]
    """The groups of the session hosts, their disks and interfaces."""
    subnet_ids: Sequence[str]
    """The subnets of the hosts and, where it differs, of the temporary machines."""
    image_id: str | None = None
    """Gallery, image definition or managed image. None for marketplace images and for images of shared and community
    galleries (which are ignored), for they belong to nobody's group: they are read at the hosts' subscription."""
    key_vault_ids: Sequence[str] = ()
    """Vaults of the domain-join and local administrator secrets; they must use Azure RBAC, not access policies."""
    build_resource_group: str | None = None
    """Where temporary machines are built. Default: the first group of the hosts, which then also gets the right to
    delete machines. A group of its own is the safer choice."""
    subscription_scope: bool = False
    """One assignment at the subscription instead of one per resource group. Default False: only where new groups with
    hosts come and go."""
    catalog: bool = True
    """Also the reads that Azure offers at the subscription only: sizes, quota, versions of marketplace images and of
    shared and community galleries. Without them the pre-checks that
    need them cannot be made."""
    captures: CaptureRoleArgs | None = None
    """Also the rights to capture image versions from a golden VM (`GoldenImageVersion`)."""
    other_host_pool_ids: Sequence[str] = ()
    """More host pools that the same update rolls; their hosts' groups are among host_resource_groups."""
    scale_set_ids: Sequence[str] = ()
    """Also the rights to bring the instances of these to the latest image (`ScaleSetImageUpgrade`)."""
    batch_pool_ids: Sequence[str] = ()
    """Also the rights to watch the nodes of these (`BatchPoolImageUpgrade`)."""
    role_name: str = "AVD image update"
    """Display name; the purposes are added in brackets. Unique in the tenant: Azure answers 409
    RoleDefinitionWithSameNameExists otherwise, so two pools with different scopes need two names."""
    principal_type: str = "ServicePrincipal"
    """Azure's ServicePrincipal | User | Group. Said explicitly because azure-native's own default is User, and because
    with it Azure accepts a principal that was made seconds ago (else 400 PrincipalNotFound)."""


class ImageUpdateRole(pulumi.ComponentResource):
    """Custom roles with exactly the actions of the update, one assignment per resource group.

    Names of definitions and assignments are GUIDs computed from what they stand for, so that a lost state or a second
    stack finds them instead of making others. New assignments can take some minutes to be seen everywhere
    (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting): the update retries its pre-check.
    """

    role_definition_ids: dict[str, pulumi.Output[str]]
    """By purposes, such as `pool+hosts+build`."""
    assignment_ids: list[pulumi.Output[str]]
    assignments: list[authorization.RoleAssignment]
    """For `depends_on` of the update."""

    def __init__(self, name: str, args: ImageUpdateRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        seen = args.captures.retention_subscriptions if args.captures is not None else ()
        wide = args.subscription_scope
        made = CustomRoles(
            self,
            name,
            roles(_resources(args), subscription_scope=wide, catalog=args.catalog, seen=seen),
            role_name=args.role_name,
            says="Rolling image update of AVD session hosts",
            principal_id=args.principal_id,
            principal_type=args.principal_type,
        )
        self.role_definition_ids, self.assignments = made.definition_ids, made.assignments
        self.assignment_ids = made.assignment_ids
        self.register_outputs({"role_definition_ids": self.role_definition_ids, "assignment_ids": self.assignment_ids})


def _resources(args: ImageUpdateRoleArgs) -> dict[AnyPurpose, Sequence[str]]:
    found: dict[AnyPurpose, Sequence[str]] = {
        Purpose.GALLERY: [args.image_id] if args.image_id and not _is_shared(args.image_id) else [],
        UpgradePurpose.SCALE_SETS: args.scale_set_ids,
        UpgradePurpose.BATCH_POOLS: args.batch_pool_ids,
    }
    if args.host_pool_id:
        found |= {
            Purpose.POOL: [args.host_pool_id, *args.other_host_pool_ids],
            Purpose.HOSTS: args.host_resource_groups,
            Purpose.BUILD: [args.build_resource_group or args.host_resource_groups[0]],
            Purpose.NETWORK: args.subnet_ids,
            Purpose.SECRETS: args.key_vault_ids,
        }
    if args.captures is not None:
        golden = args.captures.golden_resource_group
        found |= {
            CapturePurpose.GOLDEN: [golden],
            CapturePurpose.CLONE: [args.captures.clone_resource_group or golden],
            CapturePurpose.VERSIONS: [args.captures.image_id],
            Purpose.NETWORK: [*args.subnet_ids, args.captures.subnet_id],
        }
    return found


def _is_shared(image_id: str) -> bool:
    """An image that others share: read at the subscription, where the catalog's part of the role is."""
    return image_id.lower().startswith(("/sharedgalleries/", "/communitygalleries/"))
