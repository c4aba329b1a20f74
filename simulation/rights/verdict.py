"""Each right of the role taken away by itself: what is foretold, and which 403 a named scenario then meets.

A right is shown when a run without it, with nothing looked at beforehand, is refused that very action, says so and ends
otherwise than with it. Reads of the pre-checks themselves are shown when a run without one is refused that read, warns
of it, and ends as it does with it. A right is predicted when the pre-checks without it tell one thing more than with
it, which names the action and its scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import rollout.beginning
from emulator.resources import groups
from emulator.wire import Body
from rollout import prechecks
from rollout.azure import Azure
from rollout.declaration import Declaration, parse
from rollout.errors import AzureError, InvalidDeclaration, RolloutError
from rollout.image_sources import resolve
from rollout.observation import LISTS, observe
from rollout.outcome import Outcome
from rollout.prechecks.actions import (
    ACTIONS,
    GROUPS_READ,
    LOCKS_READ,
    OWN_READS,
    PERMISSIONS_READ,
    SKUS_READ,
    SUBNETS_READ,
    TERMS_READ,
    USAGES_READ,
    Holds,
)
from simulation.emulated_pool import INPUTS, EmulatedPool, emulated_pool
from simulation.in_process import in_process_cloud, principal_named
from simulation.rights.grants import BUILD_GROUP, SCOPES, Grants, Right, checked, grant
from simulation.rights.scenarios import COMMON, SCENARIOS, Scenario

GRAPH: Right = ("graph", "Device.ReadWrite.All")
NEEDED_BY: Mapping[str, str] = {
    "Microsoft.Compute/disks/delete": "cleanup",
    "Microsoft.Compute/images/read": "managed image",
    "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read": "marketplace",
    "Microsoft.Compute/locations/sharedGalleries/images/read": "shared gallery",
    "Microsoft.Compute/locations/sharedGalleries/images/versions/read": "shared gallery",
    "Microsoft.Compute/locations/communityGalleries/read": "community gallery",
    "Microsoft.Compute/locations/communityGalleries/images/read": "community gallery",
    "Microsoft.Compute/locations/communityGalleries/images/versions/read": "community gallery",
    "Microsoft.Compute/virtualMachines/extensions/read": "lost status",
    "Microsoft.Compute/virtualMachines/runCommands/delete": "rollback",
    "Microsoft.Compute/virtualMachines/runCommands/read": "rollback",
    "Microsoft.Compute/virtualMachines/runCommands/write": "rollback",
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/delete": "forced log-off",
    "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions/sendMessage/action": "users",
    "Microsoft.Network/networkSecurityGroups/join/action": "security group",
    TERMS_READ: "purchase plan",
    "Device.ReadWrite.All": "entra, graph",
}
"""The scenario that shows an action; `rollout` shows the others."""
_TOLD_BY_PRE_CHECKS = frozenset(("hosts", action) for action in LISTS)
"""The list of a group of hosts may be refused, and only the pre-checks stop a run that therefore sees no hosts."""
_OWN_READS = frozenset(action for reads in OWN_READS.values() for action in reads)


def scenario_of(right: Right) -> str:
    """The name of the scenario that shows a right."""
    if right == ("build", "Microsoft.Compute/disks/delete"):
        return "cleanup of built disks"  # those that hosts had at first lie in the hosts' group
    return NEEDED_BY.get(right[1], "rollout")


def told_by(right: Right) -> str:
    """What tells beforehand that a right is missing: a finding's id, or the look that comes before the findings."""
    _, action = right
    if action in _WARNED:
        return f"`{_WARNED[action]}`, a warning"
    if right in _TOLD_BY_PRE_CHECKS:
        return "`host-out-of-scope`"
    return "*the look*" if action in _LOOKS else "`missing-action`"


_WARNED = {
    PERMISSIONS_READ: "rights-unknown",
    LOCKS_READ: "locks-unknown",
    GROUPS_READ: "build-group-unknown",
    SUBNETS_READ: "addresses-unknown",
    SKUS_READ: "quota-unknown",
    USAGES_READ: "quota-unknown",
    TERMS_READ: "terms-unknown",
}
_LOOKS = frozenset(
    {
        "Microsoft.DesktopVirtualization/hostpools/read",
        "Microsoft.DesktopVirtualization/hostpools/sessionhosts/read",
        "Microsoft.DesktopVirtualization/scalingplans/read",
        "Microsoft.Compute/galleries/images/read",
        "Microsoft.Compute/galleries/images/versions/read",
        "Microsoft.Compute/images/read",
        *ACTIONS[Holds.CATALOG],
    }
)
"""Reads without which pool and image cannot be looked at."""


@dataclass(frozen=True)
class Used:
    """What one scenario used, and how it ended, with all rights."""

    ended: str
    rights: frozenset[Right]
    refused: frozenset[Right]


@dataclass(frozen=True)
class Verdict:
    """What happens without one right."""

    right: Right
    scenario: str
    predicted: tuple[str, ...]
    """What is told beforehand that is not told with the right, each as `id: text`."""
    told: str
    """The part of what the run said that names the right; empty where none does."""
    refused: bool
    """The emulator refused a call for this right and for no other that the role has."""
    survived: bool
    """The run ended as with the right."""

    @property
    def own_read(self) -> bool:
        return self.right[1] in _OWN_READS

    @property
    def shown(self) -> bool:
        return self.refused and bool(self.told) and self.survived is self.own_read

    @property
    def foretold(self) -> bool:
        """Exactly one thing more is told beforehand, by what `told_by` says, and it names the action and its scope."""
        if len(self.predicted) != 1:
            return False
        (purpose, action), (id, _, text) = self.right, self.predicted[0].partition(": ")
        if purpose in ("secrets", "graph"):  # named by what is asked for, not by an action of the role
            return id in ("secret-forbidden", "graph-forbidden")
        return id in told_by(self.right) and action in text and SCOPES[purpose].lower() in text.lower()

    def line(self) -> str:
        """One line of `make rights`."""
        purpose, action = self.right
        predicted = f"predicted: {self.predicted[0].partition(':')[0]}" if self.foretold else "NOT PREDICTED"
        shown = ("survived, " if self.survived else "") + self.told if self.shown else "NOT SHOWN"
        return f"{purpose:8} {action}\n         {self.scenario} | {shown} | {predicted}"


@dataclass
class Laboratory:
    """Runs scenarios with the rights of `grants` or less; what a scenario is told with all of them is asked once."""

    grants: Grants
    folder: Path
    _findings: dict[str, frozenset[str]] = field(default_factory=dict)

    async def pool(self, name: str, grants: Grants) -> EmulatedPool:
        """The pool of a scenario, with the updater's rights."""
        scenario = SCENARIOS[name]
        options = {"hosts": 1, "users": 0, "apart": True, **scenario.pool}
        made = await emulated_pool(self.folder, **options)
        groups.add(made.emulator.world, BUILD_GROUP.split("/")[2], BUILD_GROUP.rsplit("/", 1)[1], "westeurope")
        grant(made, grants)
        scenario.prepare(made)
        return made

    async def used(self, name: str) -> Used:
        """A scenario with all rights."""
        made = await self.pool(name, self.grants)
        before = _requests(made)
        outcome = await SCENARIOS[name].run(made)
        found = list(checked(_requests(made)[len(before) :], _updater(made)))
        return Used(
            _ended(outcome),
            frozenset(right for right, request in found if request["status"] != 403),
            frozenset(right for right, request in found if request["status"] == 403),
        )

    async def without(self, right: Right, ended: str) -> Verdict:
        """The scenario of a right without it; `ended` is how it ends with it."""
        name = scenario_of(right)
        scenario, less = SCENARIOS[name], _less(self.grants, right)
        if name not in self._findings:
            self._findings[name] = frozenset(await self._told_before(name, self.grants))
        predicted = [text for text in await self._told_before(name, less) if text not in self._findings[name]]
        made = await self.pool(name, less)
        before = _requests(made)
        with ExitStack() as stack:
            if right not in _TOLD_BY_PRE_CHECKS and right[1] not in _OWN_READS:
                stack.enter_context(patch.object(rollout.beginning, "run_prechecks", _nothing))
            end, said = await _run(scenario, made)
        found = list(checked(_requests(made)[len(before) :], _updater(made)))
        refused = {each for each, request in found if request["status"] == 403}
        graph = any(r["status"] == 403 and r["path"].startswith("/graph/") for r in _requests(made)[len(before) :])
        mine = graph if right == GRAPH else right in refused
        return Verdict(right, name, tuple(predicted), _about(right, said), mine, end == ended)

    async def _told_before(self, name: str, grants: Grants) -> list[str]:
        """What is told before the first write: by a preview, or, where it finds nothing, at the start."""
        made = await self.pool(name, grants)
        declared = parse({**INPUTS, "image": made.definition, **COMMON, **SCENARIOS[name].declares})
        async with in_process_cloud(made.emulator, made.clock, principal="updater") as azure:
            return await _findings(azure, declared)


async def _findings(azure: Azure, declared: Declaration) -> list[str]:
    try:
        pool = await observe(azure, declared, at=azure.azure_time())
        image = await resolve(azure, declared, pool.location)
        found = await prechecks.run(azure, declared, pool, image, mode="start")
    except (AzureError, InvalidDeclaration) as refused:
        return [f"the look: {refused}"]
    return [f"{finding.id}: {finding}" for finding in found]


async def _run(scenario: Scenario, made: EmulatedPool) -> tuple[str, list[str]]:
    """How a run ended, and all that it said."""
    try:
        outcome = await scenario.run(made)
        ended, last = _ended(outcome), [text for _, text in outcome.failures]
    except (RolloutError, AzureError) as error:
        ended, last = type(error).__name__, [str(error)]
    warned = [str(finding) for event in made.events for finding in event.data.get("findings", ())]
    return ended, [*last, *(event.text for event in made.events), *warned]


def _ended(outcome: Outcome) -> str:
    """How a run ended, and every host in it."""
    return f"{outcome.status}: {sorted((state, *names) for state, names in outcome.hosts.items() if names)}"


def _about(right: Right, said: list[str]) -> str:
    """The text that names the right, cut to what matters."""
    for text in said:
        if right[1] in text:
            kind = next((code for code in _CODES if code in text), "warning")
            return f"{kind} {right[1]}" if kind == "warning" else f"403 {kind} {right[1]}"
    return ""


_CODES = ("LinkedAuthorizationFailed", "AuthorizationFailed", "Authorization_RequestDenied", "Forbidden")


def _less(grants: Grants, right: Right) -> Grants:
    return Grants(grants.actions, grants.data_actions, graph=()) if right == GRAPH else grants.without(right)


async def _nothing(*arguments: Any, **options: Any) -> list[prechecks.Finding]:
    """In place of the pre-checks."""
    return []


def _requests(made: EmulatedPool) -> list[Body]:
    return list(made.control("GET", "requests", since="0")["requests"])


def _updater(made: EmulatedPool) -> str:
    return principal_named(made.emulator, "updater").client_id


def all_rights(grants: Grants) -> Iterator[Right]:
    """Actions, then data actions, then Graph's permission."""
    yield from grants.rights()
    for purpose, actions in grants.data_actions.items():
        yield from ((purpose, action) for action in actions)
    yield GRAPH
