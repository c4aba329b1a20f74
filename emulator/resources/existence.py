"""What is not there: the 404 bodies of Azure Resource Manager's front door (recording errors-404-variants)."""

from __future__ import annotations

from emulator import ids
from emulator.wire import ArmError
from emulator.world import Resource, World

GATEWAY = {"x-ms-failure-cause": "gateway"}


def require_group(world: World, path: str) -> None:
    """Raise 404 ResourceGroupNotFound when the path lies in a resource group that does not exist."""
    group = ids.resource_group(path)
    if group is not None and world.get(ids.group_scope(path)) is None:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.", headers=GATEWAY)


def find(world: World, resource_id: str) -> Resource:
    """The resource, or 404 as ARM words it. ARM knows top-level resources only, so its message names that one."""
    found = world.get(ids.normal(resource_id))
    if found is None:
        require_group(world, resource_id)
        raise missing(resource_id)
    return found


def missing(resource_id: str) -> ArmError:
    top = ids.top_level(resource_id)
    what = f"{ids.resource_type(top)}/{ids.name(top)}"
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{ids.resource_group(resource_id)}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
        headers=GATEWAY,
    )


def require_parent(world: World, resource_id: str) -> Resource:
    """The parent of a nested resource that is to be written, or 404 ParentResourceNotFound (wording: public docs,
    learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-parent-resource)."""
    parent = ids.parent(resource_id)
    found = world.get(parent) if parent else None
    if parent is None or found is None:
        name = ids.name(parent) if parent else ""
        raise ArmError(
            404,
            "ParentResourceNotFound",
            f"Can not perform requested operation on nested resource. Parent resource '{name}' not found.",
            headers=GATEWAY,
        )
    return found
