"""The built-in role definitions that this emulator knows.

Ids and permissions: learn.microsoft.com/azure/role-based-access-control/built-in-roles. The Desktop Virtualization
roles are cut to the resource types that are emulated.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.wire import Body

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
MONITORING_METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
KEY_VAULT_SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
KEY_VAULT_ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
AVD_VIRTUAL_MACHINE_CONTRIBUTOR = "a959dbd1-f747-45e3-8ba6-dd80f235f97c"
AVD_POWER_ON_CONTRIBUTOR = "489581de-a3bd-480d-9518-53dea7416b33"
AVD_POWER_ON_OFF_CONTRIBUTOR = "40c5ff49-9181-41f8-ae61-143b0e78555e"
AVD_SESSION_HOST_OPERATOR = "2ad6aaab-ead9-4eaa-8ac5-da422f562408"
AVD_USER_SESSION_OPERATOR = "ea4bfff8-7fb4-485a-aadd-d4129a0ffaa6"
AVD_CONTRIBUTOR = "082f0a83-3be5-4ba1-904c-961cca79b387"

_AVD = "Microsoft.DesktopVirtualization/hostpools"
_COMMON = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
)


def _role(
    guid: str,
    name: str,
    description: str,
    actions: Sequence[str],
    not_actions: Sequence[str] = (),
    data_actions: Sequence[str] = (),
) -> tuple[str, Body]:
    return guid, {
        "properties": {
            "roleName": name,
            "type": "BuiltInRole",
            "description": description,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(actions),
                    "notActions": list(not_actions),
                    "dataActions": list(data_actions),
                    "notDataActions": [],
                }
            ],
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2024-01-25T17:27:34.5520391Z",
            "createdBy": None,
            "updatedBy": None,
        },
        "id": f"/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": guid,
    }


BUILT_IN: dict[str, Body] = dict(
    (
        _role(
            OWNER,
            "Owner",
            "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
            ["*"],
        ),
        _role(
            CONTRIBUTOR,
            "Contributor",
            "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
            ["*"],
            [
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ],
        ),
        _role(READER, "Reader", "View all resources, but does not allow you to make any changes.", ["*/read"]),
        _role(
            USER_ACCESS_ADMINISTRATOR,
            "User Access Administrator",
            "Lets you manage user access to Azure resources.",
            ["*/read", "Microsoft.Authorization/*"],
        ),
        _role(
            VIRTUAL_MACHINE_CONTRIBUTOR,
            "Virtual Machine Contributor",
            "Lets you manage virtual machines, but not access to them, and not the virtual network they're connected to.",  # noqa: E501
            [
                *_COMMON,
                "Microsoft.Compute/availabilitySets/*",
                "Microsoft.Compute/locations/*",
                "Microsoft.Compute/virtualMachines/*",
                "Microsoft.Compute/virtualMachineScaleSets/*",
                "Microsoft.Compute/disks/write",
                "Microsoft.Compute/disks/read",
                "Microsoft.Compute/disks/delete",
                "Microsoft.Network/locations/*",
                "Microsoft.Network/networkInterfaces/*",
                "Microsoft.Network/networkSecurityGroups/join/action",
                "Microsoft.Network/networkSecurityGroups/read",
                "Microsoft.Network/virtualNetworks/read",
                "Microsoft.Network/virtualNetworks/subnets/join/action",
            ],
        ),
        _role(
            NETWORK_CONTRIBUTOR,
            "Network Contributor",
            "Lets you manage networks, but not access to them.",
            [*_COMMON, "Microsoft.Network/*"],
        ),
        _role(
            MONITORING_METRICS_PUBLISHER,
            "Monitoring Metrics Publisher",
            "Enables publishing metrics against Azure resources",
            [
                "Microsoft.Insights/Register/Action",
                "Microsoft.Support/*",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
            ],
            [],
            ["Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"],
        ),
        _role(
            KEY_VAULT_SECRETS_USER,
            "Key Vault Secrets User",
            "Read secret contents. Only works for key vaults that use the 'Azure role-based access control' permission model.",  # noqa: E501
            [],
            [],
            [
                "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            ],
        ),
        _role(
            KEY_VAULT_SECRETS_OFFICER,
            "Key Vault Secrets Officer",
            "Perform any action on the secrets of a key vault, except manage permissions.",
            [*_COMMON, "Microsoft.KeyVault/*/read"],
            [],
            ["Microsoft.KeyVault/vaults/secrets/*"],
        ),
        _role(
            KEY_VAULT_ADMINISTRATOR,
            "Key Vault Administrator",
            "Perform all data plane operations on a key vault and all objects in it.",
            [*_COMMON, "Microsoft.KeyVault/*/read"],
            [],
            ["Microsoft.KeyVault/vaults/*"],
        ),
        _role(
            AVD_VIRTUAL_MACHINE_CONTRIBUTOR,
            "Desktop Virtualization Virtual Machine Contributor",
            "Allows the Azure Virtual Desktop resource provider to create, delete, update, start, and stop virtual machines.",  # noqa: E501
            [
                f"{_AVD}/read",
                f"{_AVD}/write",
                f"{_AVD}/retrieveRegistrationToken/action",
                f"{_AVD}/sessionhosts/read",
                f"{_AVD}/sessionhosts/write",
                f"{_AVD}/sessionhosts/delete",
                f"{_AVD}/sessionhosts/usersessions/read",
                f"{_AVD}/sessionhosts/usersessions/disconnect/action",
                f"{_AVD}/sessionhosts/usersessions/sendMessage/action",
                f"{_AVD}/sessionHostConfigurations/read",
                "Microsoft.Compute/availabilitySets/read",
                "Microsoft.Compute/availabilitySets/write",
                "Microsoft.Compute/availabilitySets/vmSizes/read",
                "Microsoft.Compute/disks/read",
                "Microsoft.Compute/disks/write",
                "Microsoft.Compute/disks/delete",
                "Microsoft.Compute/galleries/read",
                "Microsoft.Compute/galleries/images/read",
                "Microsoft.Compute/galleries/images/versions/read",
                "Microsoft.Compute/images/read",
                "Microsoft.Compute/locations/usages/read",
                "Microsoft.Compute/locations/vmSizes/read",
                "Microsoft.Compute/operations/read",
                "Microsoft.Compute/skus/read",
                "Microsoft.Compute/virtualMachines/read",
                "Microsoft.Compute/virtualMachines/write",
                "Microsoft.Compute/virtualMachines/delete",
                "Microsoft.Compute/virtualMachines/start/action",
                "Microsoft.Compute/virtualMachines/powerOff/action",
                "Microsoft.Compute/virtualMachines/restart/action",
                "Microsoft.Compute/virtualMachines/deallocate/action",
                "Microsoft.Compute/virtualMachines/runCommand/action",
                "Microsoft.Compute/virtualMachines/extensions/read",
                "Microsoft.Compute/virtualMachines/extensions/write",
                "Microsoft.Compute/virtualMachines/extensions/delete",
                "Microsoft.Compute/virtualMachines/runCommands/read",
                "Microsoft.Compute/virtualMachines/runCommands/write",
                "Microsoft.Compute/virtualMachines/vmSizes/read",
                "Microsoft.Network/networkSecurityGroups/read",
                "Microsoft.Network/networkInterfaces/write",
                "Microsoft.Network/networkInterfaces/read",
                "Microsoft.Network/networkInterfaces/join/action",
                "Microsoft.Network/networkInterfaces/delete",
                "Microsoft.Network/virtualNetworks/subnets/read",
                "Microsoft.Network/virtualNetworks/subnets/join/action",
                "Microsoft.Marketplace/offerTypes/publishers/offers/plans/agreements/read",
                "Microsoft.KeyVault/vaults/deploy/action",
                "Microsoft.Storage/storageAccounts/read",
                *_COMMON,
            ],
        ),
        _role(
            AVD_POWER_ON_CONTRIBUTOR,
            "Desktop Virtualization Power On Contributor",
            "Provide permission to the Azure Virtual Desktop Resource Provider to start virtual machines.",
            [
                "Microsoft.Compute/virtualMachines/start/action",
                "Microsoft.Compute/virtualMachines/read",
                "Microsoft.Compute/virtualMachines/instanceView/read",
                *_COMMON,
            ],
        ),
        _role(
            AVD_POWER_ON_OFF_CONTRIBUTOR,
            "Desktop Virtualization Power On Off Contributor",
            "Provide permission to the Azure Virtual Desktop Resource Provider to start and stop virtual machines.",
            [
                "Microsoft.Compute/virtualMachines/start/action",
                "Microsoft.Compute/virtualMachines/read",
                "Microsoft.Compute/virtualMachines/instanceView/read",
                "Microsoft.Compute/virtualMachines/deallocate/action",
                "Microsoft.Compute/virtualMachines/restart/action",
                "Microsoft.Compute/virtualMachines/powerOff/action",
                f"{_AVD}/read",
                f"{_AVD}/sessionhosts/read",
                f"{_AVD}/sessionhosts/write",
                f"{_AVD}/sessionhosts/usersessions/read",
                f"{_AVD}/sessionhosts/usersessions/delete",
                f"{_AVD}/sessionhosts/usersessions/sendMessage/action",
                *_COMMON,
            ],
        ),
        _role(
            AVD_SESSION_HOST_OPERATOR,
            "Desktop Virtualization Session Host Operator",
            "Operator of the Desktop Virtualization Session Host.",
            [f"{_AVD}/read", f"{_AVD}/sessionhosts/*", *_COMMON, "Microsoft.Support/*"],
        ),
        _role(
            AVD_USER_SESSION_OPERATOR,
            "Desktop Virtualization User Session Operator",
            "Operator of the Desktop Virtualization User Session.",
            [f"{_AVD}/read", f"{_AVD}/sessionhosts/read", f"{_AVD}/sessionhosts/usersessions/*", *_COMMON],
        ),
        _role(
            AVD_CONTRIBUTOR,
            "Desktop Virtualization Contributor",
            "Contributor of Desktop Virtualization.",
            ["Microsoft.DesktopVirtualization/*", *_COMMON, "Microsoft.Support/*"],
        ),
    )
)
"""Role definition bodies by GUID. The ids carry no subscription; a listing at a scope prefixes the subscription."""
