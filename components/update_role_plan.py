"""Which role is assigned where: pure functions, so that the rule can be read and tested without Pulumi.

Each resource group gets one assignment, of a role that holds exactly the purposes of what is in that group. Groups with
the same purposes share one role. Where the temporary machines are built in the hosts' own group the two purposes merge,
and the right to delete machines comes with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.arm_ids import distinct, resource_group_of, stable_guid, subscription_of
from components.update_role_actions import ACTIONS, DATA_ACTIONS, Purpose


@dataclass(frozen=True)
class Role:
    """A custom role: its purposes in the order of `Purpose`, and the scopes it is assigned at."""

    purposes: tuple[Purpose, ...]
    scopes: tuple[str, ...]

    @property
    def subscription(self) -> str:
        """`/subscriptions/<id>` that the definition lives in."""
        return "/".join(self.scopes[0].split("/")[:3])

    @property
    def label(self) -> str:
        return "+".join(self.purposes)

    @property
    def actions(self) -> list[str]:
        return sorted({action for purpose in self.purposes for action in ACTIONS[purpose]})

    @property
    def data_actions(self) -> list[str]:
        return sorted({action for purpose in self.purposes for action in DATA_ACTIONS.get(purpose, ())})

    def guid(self, name: str) -> str:
        """GUID of the definition: the same for the same name, subscription and purposes."""
        return stable_guid("role", self.subscription, name, self.label)


def roles(
    resources: Mapping[Purpose, Sequence[str]], *, subscription_scope: bool = False, catalog: bool = True
) -> list[Role]:
    """The roles and their scopes for ARM ids of resources or resource groups, by what they are needed for.

    `subscription_scope` puts one role with all purposes at the subscription instead. `catalog` adds the reads that
    exist only there (sizes, quota, marketplace versions). Raises ValueError for an id outside a resource group, and
    where resources span subscriptions, since a custom role's definition belongs to one.
    """
    groups = {purpose: distinct(map(resource_group_of, ids)) for purpose, ids in resources.items() if ids}
    subscriptions = distinct(subscription_of(group) for found in groups.values() for group in found)
    if len(subscriptions) != 1:
        raise ValueError(
            f"the resources are in {len(subscriptions)} subscriptions ({', '.join(subscriptions) or 'none'}): "
            "declare one ImageUpdateRole per subscription"
        )
    subscription = subscriptions[0]
    if subscription_scope:
        purposes = {*groups, Purpose.CATALOG} if catalog else set(groups)
        return [Role(_ordered(purposes), (subscription,))]
    purposes_of: dict[str, set[Purpose]] = {}
    for group in distinct(group for found in groups.values() for group in found):
        purposes_of[group] = {p for p, found in groups.items() if group.lower() in map(str.lower, found)}
    scopes_of: dict[tuple[Purpose, ...], list[str]] = {}
    for group, wanted in purposes_of.items():
        scopes_of.setdefault(_ordered(wanted), []).append(group)
    planned = [Role(purposes, tuple(scopes)) for purposes, scopes in scopes_of.items()]
    return [*planned, Role((Purpose.CATALOG,), (subscription,))] if catalog else planned


def _ordered(purposes: set[Purpose]) -> tuple[Purpose, ...]:
    return tuple(purpose for purpose in Purpose if purpose in purposes)
