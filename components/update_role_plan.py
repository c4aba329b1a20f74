"""Which role is assigned where: pure functions, so that the rule can be read and tested without Pulumi.

Each resource group gets one assignment, of a role that holds exactly the purposes of what is in that group. Groups with
the same purposes share one role. Where the temporary machines are built in the hosts' own group the two purposes merge,
and the right to delete machines comes with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.arm_ids import name_of, resource_group_of, stable_guid, subscription_of
from components.capture_role_actions import CAPTURE_ACTIONS, CapturePurpose
from components.scale_set_role_actions import SCALE_SET_ACTIONS, ScaleSetPurpose
from components.update_role_actions import ACTIONS, DATA_ACTIONS, Purpose
from components.upgrade_role_actions import UPGRADE_ACTIONS, UpgradePurpose

AnyPurpose = Purpose | CapturePurpose | ScaleSetPurpose | UpgradePurpose
ALL: Mapping[AnyPurpose, tuple[str, ...]] = dict(
    [*ACTIONS.items(), *CAPTURE_ACTIONS.items(), *SCALE_SET_ACTIONS.items(), *UPGRADE_ACTIONS.items()]
)
"""The actions of all purposes, in the order in which a role's name lists them."""


@dataclass(frozen=True)
class Role:
    """A custom role: its purposes in the order of `Purpose`, and the scopes, of one subscription, it is assigned at."""

    purposes: tuple[AnyPurpose, ...]
    scopes: tuple[str, ...]
    elsewhere: bool = False
    """The role is in another subscription than that of the hosts; its name says in which."""

    @property
    def subscription(self) -> str:
        """`/subscriptions/<id>` that the definition lives in."""
        return "/".join(self.scopes[0].split("/")[:3])

    @property
    def label(self) -> str:
        label = "+".join(self.purposes)
        return f"{label} in {name_of(self.subscription)}" if self.elsewhere else label

    @property
    def actions(self) -> list[str]:
        return sorted({action for purpose in self.purposes for action in ALL[purpose]})

    @property
    def data_actions(self) -> list[str]:
        return sorted({action for purpose in self.purposes for action in _data(purpose)})

    def guid(self, name: str) -> str:
        """GUID of the definition: the same for the same name, subscription and purposes."""
        return stable_guid("role", self.subscription, name, "+".join(self.purposes))


def roles(
    resources: Mapping[AnyPurpose, Sequence[str]],
    *,
    subscription_scope: bool = False,
    catalog: bool = True,
    seen: Sequence[str] = (),
) -> list[Role]:
    """The roles and their scopes for ARM ids of resources or resource groups, by what they are needed for.

    `subscription_scope` assigns at the subscription instead of each group. `catalog` adds the reads that exist only
    there (sizes, quota, marketplace versions), in the subscription of the hosts or scale sets; `seen` are the
    subscriptions that the retention of image versions looks through. Raises ValueError for an id outside a resource
    group.
    """
    centrals: tuple[AnyPurpose, ...] = (Purpose.HOSTS, ScaleSetPurpose.SCALE_SETS, *UpgradePurpose)
    central = next(purpose for purpose in centrals if resources.get(purpose))
    home = subscription_of(resources[central][0])
    purposes_at: dict[str, set[AnyPurpose]] = {}
    written: dict[str, str] = {}
    for purpose, ids in resources.items():
        for resource_id in ids:
            scope = subscription_of(resource_id) if subscription_scope else resource_group_of(resource_id)
            purposes_at.setdefault(scope.lower(), set()).add(purpose)
            written.setdefault(scope.lower(), scope)
    reads: AnyPurpose = ScaleSetPurpose.CATALOG if central is ScaleSetPurpose.SCALE_SETS else Purpose.CATALOG
    wide: list[tuple[AnyPurpose, str]] = [(reads, home)] if catalog else []
    for purpose, scope in [*wide, *((CapturePurpose.RETENTION, subscription) for subscription in seen)]:
        purposes_at.setdefault(scope.lower(), set()).add(purpose)
        written.setdefault(scope.lower(), scope)
    scopes_of: dict[tuple[str, tuple[AnyPurpose, ...]], list[str]] = {}
    for scope, purposes in purposes_at.items():
        subscription = "/".join(scope.split("/")[:3])
        ordered = tuple(purpose for purpose in ALL if purpose in purposes)
        scopes_of.setdefault((subscription, ordered), []).append(written[scope])
    return [
        Role(purposes, tuple(scopes), elsewhere=subscription != home.lower())
        for (subscription, purposes), scopes in scopes_of.items()
    ]


def _data(purpose: AnyPurpose) -> tuple[str, ...]:
    return DATA_ACTIONS.get(purpose, ()) if isinstance(purpose, Purpose) else ()
