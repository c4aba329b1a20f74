"""The stack configuration as a JSON schema; `remedy` says what to write instead.

Keys and descriptions for the Pulumi CLI are in Pulumi.yaml (a test holds the two together). What `rollout` may contain
is the business of `HostPoolImageUpdate` alone.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_GROUP = "/subscriptions/[^/]+/resourceGroups/[^/]+"
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "remedy": "write a text"}
_FLAG: Final[Schema] = {"type": "boolean", "remedy": "write true or false"}
_TAGS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "remedy": "write names and values, both texts",
}
_GUID: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "remedy": "write a GUID",
}
_GROUP_ID: Final[Schema] = {
    "type": "string",
    "pattern": f"^{_GROUP}$",
    "remedy": "write /subscriptions/<id>/resourceGroups/<name>",
}
_TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$",
    "remedy": "write a date or a UTC time, such as 2027-03-31 or 2027-03-31T00:00:00Z",
}


def _id(kind: str) -> Schema:
    """The id of a resource of a type such as `Microsoft.Compute/galleries/images`; without case, as Azure."""
    namespace, *types = kind.split("/")
    typed = "".join(f"/{name}/<name>" for name in types)
    names = "".join(f"/{_any_case(name)}/[^/]+" for name in types)
    return {
        "type": "string",
        "pattern": f"^{_any_case('/subscriptions/')}[^/]+{_any_case('/resourceGroups/')}[^/]+"
        f"{_any_case('/providers/')}{_any_case(namespace)}{names}$",
        "remedy": f"write /subscriptions/<id>/resourceGroups/<name>/providers/{namespace}{typed}",
    }


def _any_case(text: str) -> str:
    """A pattern for the text in any case; JSON schema patterns have no flag for it."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c.replace(".", r"\.") for c in text)


def _object(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        "remedy": f"write an object with {', '.join(properties)}",
    }


def _one_of(*choices: str) -> Schema:
    return {"type": "string", "enum": list(choices), "remedy": f"write {' or '.join(choices)}"}


SHARED_IMAGE: Final = "/(sharedGalleries|communityGalleries)/[^/]+/images/[^/]+"
COMMUNITY_VERSION: Final = r"/communityGalleries/[^/]+/images/[^/]+/versions/\d+\.\d+\.\d+"

SOURCE: Final[Schema] = {
    **_object(
        {
            "managed_image_id": _id("Microsoft.Compute/images"),
            "virtual_machine_id": _id("Microsoft.Compute/virtualMachines"),
            "disk_id": {
                "type": "string",
                "pattern": "^{}|{}$".format(
                    _id("Microsoft.Compute/disks")["pattern"].strip("^$"),
                    _id("Microsoft.Compute/snapshots")["pattern"].strip("^$"),
                ),
                "remedy": "write the id of a disk or a snapshot",
            },
            "version_id": _id("Microsoft.Compute/galleries/images/versions"),
            "community_version_id": {
                "type": "string",
                "pattern": f"^(?i:{COMMUNITY_VERSION})$",
                "remedy": "write /communityGalleries/<public name>/images/<image>/versions/<x.y.z>",
            },
        }
    ),
    "minProperties": 1,
    "maxProperties": 1,
    "remedy": "name exactly one of managed_image_id, virtual_machine_id, disk_id, version_id, community_version_id",
}

REGION: Final[Schema] = _object(
    {
        "name": _TEXT,
        "replicas": {"type": "integer", "minimum": 1, "maximum": 100, "remedy": "write a whole number from 1 to 100"},
        "storage_account_type": _one_of("Standard_LRS", "Standard_ZRS", "Premium_LRS"),
        "exclude_from_latest": _FLAG,
    },
    "name",
)

VERSION: Final[Schema] = _object(
    {
        "version": {
            "type": "string",
            "pattern": r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$",
            "remedy": "write x.y.z, such as 1.0.1",
        },
        "source": SOURCE,
        "regions": {"type": "array", "items": REGION, "minItems": 1, "remedy": "list the regions, each with its name"},
        "exclude_from_latest": _FLAG,
        "end_of_life": _TIME,
        "replication_mode": _one_of("Full", "Shallow"),
    },
    "version",
    "source",
)

GOLDEN_IMAGE: Final[Schema] = {
    "type": "object",
    "properties": {
        "source_vm_id": _id("Microsoft.Compute/virtualMachines"),
        "clone": {
            "type": "object",
            "properties": {
                "resource_group_id": _GROUP_ID,
                "subnet_id": _id("Microsoft.Network/virtualNetworks/subnets"),
            },
            "remedy": "write an object with resource_group_id, subnet_id, vm_size",
        },
        "retention": {
            "type": "object",
            "properties": {
                "subscriptions": {"type": "array", "items": _GUID, "remedy": "list ids of subscriptions, each a GUID"}
            },
            "remedy": "write an object with versions, age, backups, subscriptions",
        },
    },
    "remedy": "write an object with the inputs of GoldenImageVersion",
}
"""Only what the updater's role is made from."""

SCHEMA: Final[Schema] = _object(
    {
        "location": _TEXT,
        "host_pool_id": _id("Microsoft.DesktopVirtualization/hostPools"),
        "host_pool": _object(
            {
                "resource_group_id": _GROUP_ID,
                "name": _TEXT,
                "max_session_limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 999999,
                    "remedy": "write the number of sessions a host takes, from 1 to 999999",
                },
                "load_balancer_type": _one_of("BreadthFirst", "DepthFirst"),
                "preferred_app_group_type": _one_of("Desktop", "RailApplications"),
                "start_vm_on_connect": _FLAG,
                "validation_environment": _FLAG,
                "custom_rdp_property": _TEXT,
                "friendly_name": _TEXT,
                "description": _TEXT,
                "tags": _TAGS,
            },
            "resource_group_id",
            "name",
            "max_session_limit",
        ),
        "gallery": _object(
            {
                "id": _id("Microsoft.Compute/galleries"),
                "resource_group_id": _GROUP_ID,
                "name": {
                    "type": "string",
                    "pattern": r"^[A-Za-z0-9][A-Za-z0-9._]{0,79}$",
                    "remedy": "write letters, digits, dots and underscores, 80 at most",
                },
                "description": _TEXT,
                "tags": _TAGS,
            }
        ),
        "image_definition": _object(
            {
                "name": _TEXT,
                "publisher": _TEXT,
                "offer": _TEXT,
                "sku": _TEXT,
                "hyper_v_generation": _one_of("V1", "V2"),
                "architecture": _one_of("x64", "Arm64"),
                "os_state": _one_of("Generalized", "Specialized"),
                "security_type": _TEXT,
                "description": _TEXT,
                "end_of_life": _TIME,
            },
            "name",
            "publisher",
            "offer",
            "sku",
        ),
        "image_versions": {
            "type": "array",
            "items": VERSION,
            "remedy": "list the versions, each with version and source",
        },
        "image": {
            "type": "string",
            "pattern": rf"^(/subscriptions/.+|[^:/]+:[^:/]+:[^:/]+|(?i:{SHARED_IMAGE}))$",
            "remedy": "write publisher:offer:sku, the id of an image definition or a managed image, or "
            "/sharedGalleries/<unique name>/images/<image>, /communityGalleries/<public name>/images/<image>",
        },
        "image_version": {
            "type": "string",
            "pattern": r"^(latest|promoted|captured|\d+\.\d+\.\d+)$",
            "remedy": "write x.y.z, such as 1.0.1, or latest, or declare promote_from or golden_image",
        },
        "golden_image": GOLDEN_IMAGE,
        "promote_from": _object(
            {
                "stack": _TEXT,
                "host_pool_id": _id("Microsoft.DesktopVirtualization/hostPools"),
                "soak": {"type": ["string", "number"], "remedy": "write an ISO 8601 duration such as P2D"},
                "max_failed": {"type": "integer", "minimum": 0, "remedy": "write a number of hosts, 0 or more"},
                "approvals": {"type": "integer", "minimum": 0, "remedy": "write a number of people, 0 or more"},
                "allow_downgrade": _FLAG,
            }
        ),
        "key_vault_id": _id("Microsoft.KeyVault/vaults"),
        "update_role": _object(
            {
                "principal_id": {**_GUID, "remedy": "write the object id of the updater's service principal, a GUID"},
                "principal_type": _one_of("ServicePrincipal", "User", "Group"),
                "host_resource_groups": {
                    "type": "array",
                    "items": _GROUP_ID,
                    "minItems": 1,
                    "remedy": "list the ids of the hosts' resource groups",
                },
                "subnet_ids": {
                    "type": "array",
                    "items": _id("Microsoft.Network/virtualNetworks/subnets"),
                    "remedy": "list the ids of the hosts' subnets",
                },
                "subscription_scope": _FLAG,
                "catalog": _FLAG,
                "name": _TEXT,
            },
            "principal_id",
        ),
        "rollout": {"type": "object", "remedy": "write an object with the inputs of HostPoolImageUpdate"},
        "targets": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "host_pool_id": _id("Microsoft.DesktopVirtualization/hostPools"),
                    "scale_set_id": _id("Microsoft.Compute/virtualMachineScaleSets"),
                    "batch_pool_id": _id("Microsoft.Batch/batchAccounts/pools"),
                },
                "remedy": "write an object with host_pool_id, scale_set_id or batch_pool_id",
            },
            "remedy": "list the targets, each with host_pool_id, scale_set_id or batch_pool_id",
        },
    },
    "location",
)
