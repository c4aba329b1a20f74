"""The updater's rights on the emulator: one custom role for each purpose, at the scope of what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from emulator.wire import Body
from simulation.emulated_pool import GROUP, SUBSCRIPTION, EmulatedPool
from simulation.in_process import principal_named

API = "2022-04-01"
BUILD_GROUP = f"{GROUP}-build"
SCOPES: Mapping[str, str] = {
    "pool": GROUP,
    "hosts": f"{GROUP}-hosts",
    "build": BUILD_GROUP,
    "network": f"{GROUP}-network",
    "gallery": f"{GROUP}-images",
    "secrets": f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv",
    "catalog": SUBSCRIPTION,
}
"""Where each purpose of the custom role has its scope in a pool whose parts lie apart."""

Right = tuple[str, str]
"""(purpose, action)."""


@dataclass(frozen=True)
class Grants:
    """Actions, data actions by purpose, and the application permissions in Microsoft Graph."""

    actions: Mapping[str, tuple[str, ...]]
    data_actions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    graph: tuple[str, ...] = ("Device.ReadWrite.All",)

    def rights(self) -> Iterator[Right]:
        for purpose, actions in self.actions.items():
            yield from ((purpose, action) for action in actions)

    def without(self, right: Right) -> Grants:
        """All but this action (or data action) at this purpose."""
        purpose, action = right
        return replace(
            self,
            actions=_without(self.actions, purpose, action),
            data_actions=_without(self.data_actions, purpose, action),
        )


def _without(table: Mapping[str, tuple[str, ...]], purpose: str, action: str) -> dict[str, tuple[str, ...]]:
    return {p: tuple(a for a in found if (p, a) != (purpose, action)) for p, found in table.items()}


def grant(made: EmulatedPool, grants: Grants) -> None:
    """Define and assign the roles, as the deployer does."""
    updater = principal_named(made.emulator, "updater")
    made.emulator.world.sections["principals"][updater.client_id]["graph_roles"] = list(grants.graph)
    for number, (purpose, scope) in enumerate(SCOPES.items()):
        guid = f"77777777-0000-4000-8000-{number:012}"
        role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
        permission = {"actions": grants.actions.get(purpose, ()), "dataActions": grants.data_actions.get(purpose, ())}
        definition = {
            "roleName": f"AVD image update ({purpose})",
            "type": "CustomRole",
            "permissions": [{kind: list(given) for kind, given in permission.items()}],
            "assignableScopes": [scope],
        }
        _put(made, role, definition)
        assignment = {"roleDefinitionId": role, "principalId": updater.object_id, "principalType": "ServicePrincipal"}
        _put(made, f"{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}", assignment)


def _put(made: EmulatedPool, path: str, properties: Body) -> None:
    answer = made.ask("PUT", path, {"properties": properties}, API)
    assert answer.status in (200, 201), answer.body


def checked(requests: Iterable[Body], client_id: str) -> Iterator[tuple[Right, Body]]:
    """Each right that the emulator checked for a principal, with the request."""
    for request in requests:
        if request["principal"] != client_id:
            continue
        if request["action"]:
            yield (purpose_of(request["path"]), request["action"]), request
        for linked in request.get("linked", ()):
            action, _, scope = linked.partition(" on ")
            yield (purpose_of(scope), action), request


def purpose_of(path: str) -> str:
    """The purpose whose scope holds a path."""
    lower = f"{path.lower()}/"
    if lower.startswith("/keyvault/"):
        return "secrets"
    fitting = [(len(scope), purpose) for purpose, scope in SCOPES.items() if lower.startswith(f"{scope.lower()}/")]
    return max(fitting)[1] if fitting else ""
