"""The `identity` of a virtual machine: system-assigned, user-assigned, both or none."""

from __future__ import annotations

import uuid
from typing import Any

from emulator.compute.shapes import invalid
from emulator.wire import Body
from emulator.world import Resource, World

_TYPES = {"none": "None", "systemassigned": "SystemAssigned", "userassigned": "UserAssigned"}
_BOTH = "SystemAssigned, UserAssigned"


def has_system_assigned(vm: Resource) -> bool:
    return "SystemAssigned" in str((vm.body.get("identity") or {}).get("type"))


def links(given: Any) -> list[tuple[str, str]]:
    """Linked checks (learn.microsoft.com/entra/identity/managed-identities-azure-resources: assigning a user-assigned
    identity needs its assign action)."""
    names = (given or {}).get("userAssignedIdentities") or {}
    action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
    return [(action, name) for name, value in names.items() if value is not None]


def apply(world: World, vm: Resource, given: Any) -> bool:
    """Write the identity of a PUT or PATCH body on the VM; whether it changed. A user-assigned one set to null goes."""
    before = vm.body.get("identity")
    kind = str((given or {}).get("type") or "None").replace(" ", "").lower()
    both = kind in ("systemassigned,userassigned", "userassigned,systemassigned")
    if not both and kind not in _TYPES:
        raise invalid(f"The identity type '{given['type']}' is invalid.", "identity.type")
    name = _BOTH if both else _TYPES[kind]
    tenant = str(world.setting("tenant", "22222222-2222-2222-2222-222222222222"))
    if name == "None":
        vm.body.pop("identity", None)
        return before is not None
    identity: Body = {"type": name}
    if "SystemAssigned" in name:
        identity["principalId"] = (before or {}).get("principalId") or world.guid()
        identity["tenantId"] = tenant
    if "UserAssigned" in name.replace("SystemAssigned", ""):
        users = dict((before or {}).get("userAssignedIdentities") or {})
        for user, value in ((given or {}).get("userAssignedIdentities") or {}).items():
            if value is None:
                users.pop(user, None)
            else:
                users[user] = {"principalId": _guid(user, "principal"), "clientId": _guid(user, "client")}
        identity["userAssignedIdentities"] = users
    vm.body["identity"] = identity
    return identity != before


def _guid(name: str, part: str) -> str:
    """The same identity has the same ids on every VM."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name.lower()}#{part}"))
