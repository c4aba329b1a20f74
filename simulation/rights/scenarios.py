"""What the updater does, in small pools: together these use every right of the custom role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator import marketplace, scenario_outside
from emulator.wire import Body
from rollout import names
from rollout.record import Phase, decode
from rollout.rollout import Outcome
from rollout.values import DAY
from simulation.emulated_pool import POOL, SUBSCRIPTION, EmulatedPool
from simulation.rights.grants import BUILD_GROUP, SCOPES

ENTRA: Mapping[str, Any] = {"type": "entra", "mdm_id": "0000000a-0000-0000-c000-000000000000"}
MARKETPLACE: Mapping[str, Any] = {
    "image": "MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365",
    "version": "latest",
}
PURCHASED: Mapping[str, Any] = {
    "image": "center-for-internet-security-inc:cis-win-11:cis-win-11-l1-gen2",
    "version": "latest",
}
PLAN = {"publisher": "center-for-internet-security-inc", "product": "cis-win-11", "name": "cis-win-11-l1-gen2"}
SECURITY_GROUP = f"{SCOPES['network']}/providers/Microsoft.Network/networkSecurityGroups/hosts"
AVD_API = "2024-04-03"

Play = Callable[[EmulatedPool, Mapping[str, Any]], Awaitable[Outcome]]


@dataclass(frozen=True)
class Scenario:
    """A pool and what the updater does with it."""

    says: str
    declares: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that differ from those of `made.roll`."""
    pool: Mapping[str, Any] = field(default_factory=dict)
    """Options of the emulated pool; one host with nobody on it, if not said otherwise."""
    prepare: Callable[[EmulatedPool], None] = lambda made: None
    """What else is different about the pool."""
    play: Play | None = None
    """One run of the engine, if not said otherwise."""

    async def run(self, made: EmulatedPool) -> Outcome:
        """The outcome of the last run. Raises what that run raises."""
        if self.play is not None:
            return await self.play(made, self.declares)
        return await _roll(made, self.declares)


COMMON: Mapping[str, Any] = {"max_unavailable": 1.0, "build_resource_group_id": BUILD_GROUP}
"""Temporary machines are built in a group of their own."""


async def _roll(made: EmulatedPool, declares: Mapping[str, Any], **more: Any) -> Outcome:
    """One run as the updater."""
    return await made.roll(principal="updater", **{**COMMON, **declares, **more})


# -- what is different about a pool


def _unhealthy(made: EmulatedPool) -> None:
    effect = {"type": "guest", "host": "^vm-", "image": r"1\.0\.1$", "fault": "unhealthy"}
    made.control("POST", "faults", {"seed": 1, "rules": [{"id": "bad-image", "effect": effect}]})


def _standard(made: EmulatedPool) -> None:
    """Hosts of security type Standard, the only one that managed images know."""
    for resource in made.emulator.world.resources.values():
        if str(resource.body.get("type")) in ("Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"):
            resource.body["properties"].pop("securityProfile", None)


def _purchased(made: EmulatedPool) -> None:
    """Hosts that were made with a purchase plan, whose terms were accepted then."""
    for resource in made.emulator.world.resources.values():
        if str(resource.body.get("type")) == "Microsoft.Compute/virtualMachines":
            resource.body["plan"] = dict(PLAN)
    marketplace.accept(made.emulator.world, SUBSCRIPTION.rsplit("/", 1)[-1], PLAN)


def _security_group(made: EmulatedPool) -> None:
    """A network security group on the host's interface."""
    body: Body = {"id": SECURITY_GROUP, "name": "hosts", "type": "Microsoft.Network/networkSecurityGroups"}
    made.emulator.world.put(SECURITY_GROUP, {**body, "location": "westeurope", "properties": {}})
    nic = made.emulator.world.get(f"{made.hosts}/providers/Microsoft.Network/networkInterfaces/vm-0-nic")
    assert nic is not None
    nic.body["properties"]["networkSecurityGroup"] = {"id": SECURITY_GROUP}


# -- what takes more than one run


async def _revert(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    await _roll(made, declares)
    return await _roll(made, declares, version="1.0.0")


async def _cleanup(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    await _roll(made, declares)
    await made.clock.sleep(3 * DAY)
    return await _roll(made, declares)


async def _revert_and_cleanup(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    await _revert(made, declares)
    await made.clock.sleep(3 * DAY)
    return await _roll(made, declares, version="1.0.0")


async def _rebuild(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    return await _roll(made, declares, version="1.0.0", only="vm-0")


async def _crash(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    first = asyncio.create_task(_roll(made, declares, owner="first@runner"))
    while not first.done() and not _in(made, Phase.REJOIN):
        await made.clock.sleep(20)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    return await _roll(made, declares, owner="second@runner")


async def _pause(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    """The tag that `hostpool pause` sets, as somebody else; then it is gone again."""
    tags = f"{POOL}/providers/Microsoft.Resources/tags/default"
    first = asyncio.create_task(_roll(made, declares))
    while not first.done() and not _in(made, Phase.BUILD):
        await made.clock.sleep(20)
    for operation in ("Merge", "Delete"):
        made.ask("PATCH", tags, {"operation": operation, "properties": {"tags": {names.PAUSE: "ada"}}}, "2021-04-01")
        await asyncio.gather(first, return_exceptions=True)
    return await _roll(made, declares)


async def _lost_status(made: EmulatedPool, declares: Mapping[str, Any]) -> Outcome:
    """What tells how an operation goes is not found while the host joins its domain."""
    rolling = asyncio.create_task(_roll(made, declares))
    while not rolling.done() and not _in(made, Phase.REJOIN):
        await made.clock.sleep(5)
    lost = {"type": "status", "status": 404, "code": "NotFound"}
    rule = {"id": "lost-status", "method": "GET", "path": "/locations/[^/]+/operations/", "effect": lost}
    made.control("POST", "faults", {"seed": 1, "rules": [rule]})
    await made.clock.sleep(240)
    made.control("DELETE", "faults")
    return await rolling


def _in(made: EmulatedPool, phase: Phase) -> bool:
    record = decode((made.vm("vm-0").get("tags") or {}).get(names.RECORD))
    return record is not None and record.p is phase


KEEP = {"keep_old_disk": "P2D"}

SCENARIOS: Mapping[str, Scenario] = {
    "rollout": Scenario("one host gets another image"),
    "users": Scenario("two hosts whose users are told first", pool={"hosts": 2, "users": 4}),
    "latest": Scenario("the newest version of the gallery", {"version": "latest"}),
    "forced log-off": Scenario("a user who never signs out", pool={"hosts": 2, "users": 4, "ignore_probability": 1.0}),
    "rollback": Scenario(
        "an image that is unhealthy: the old disk goes back", {"verify": {"timeout": "PT30M"}}, prepare=_unhealthy
    ),
    "revert": Scenario("the former version, by the kept disk", KEEP, play=_revert),
    "cleanup": Scenario("the kept disk goes when its date has passed", KEEP, play=_cleanup),
    "cleanup of built disks": Scenario("the same after a revert", KEEP, play=_revert_and_cleanup),
    "rebuild": Scenario("a fresh disk of the same version", play=_rebuild),
    "size": Scenario("another size and disk type", {"vm_size": "Standard_D8s_v5", "os_disk_type": "StandardSSD_LRS"}),
    "power off": Scenario("a host that keeps its allocation", {"stop": "power_off"}),
    "after deallocate": Scenario("built when the host is off, in AVD's order", {"build": "after_deallocate"}),
    "found off": Scenario("a host that was off goes off again", pool={"hosts": 2, "off": 1}),
    "security group": Scenario("a host with a network security group", prepare=_security_group),
    "scaling plan": Scenario("autoscale is on, with an exclusion tag", pool={"scaling_plan": True}),
    "managed image": Scenario(
        "a managed image, for hosts without Trusted Launch",
        {"image": f"{SCOPES['gallery']}/providers/Microsoft.Compute/images/win11-1.0.1", "version": "latest"},
        prepare=_standard,
    ),
    "marketplace": Scenario("the newest version of a marketplace image", MARKETPLACE),
    "purchase plan": Scenario("an image of the marketplace that is bought", PURCHASED, prepare=_purchased),
    "shared gallery": Scenario(
        "the newest version of a gallery that is shared with the subscription",
        {"image": scenario_outside.SHARED_IMAGE, "version": "latest"},
        {"outside": True},
    ),
    "community gallery": Scenario(
        "the newest version of a community gallery",
        {"image": scenario_outside.COMMUNITY_IMAGE, "version": "latest"},
        {"outside": True},
    ),
    "entra": Scenario(
        "joined to Entra ID, where the old device is in the way: the old disk goes back",
        {"join": ENTRA},
        {"join": "entra"},
    ),
    "entra, leave": Scenario(
        "the guest leaves Entra ID", {"join": ENTRA, "device_cleanup": "leave"}, {"join": "entra"}
    ),
    "entra, graph": Scenario(
        "the device is deleted by Graph", {"join": ENTRA, "device_cleanup": "graph"}, {"join": "entra"}
    ),
    "lost status": Scenario("the status of an operation cannot be read, so the extension is", play=_lost_status),
    "crash": Scenario("a run is killed while a host rejoins, and carried on", play=_crash),
    "pause": Scenario("paused in the middle, and resumed", play=_pause),
}
