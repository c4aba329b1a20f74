"""Scenarios: ready-made clouds to begin with.

A scenario is a set of options with defaults; `build` turns them into a world by putting complete resources there, as if
a company had run the pool for months. The pool's hosts run on disks made from a gallery version, but the gallery is
gone: whoever takes over declares it anew. Ids, secrets and names are fixed, so that tests can write them down.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from emulator import (
    clock,
    computers,
    scenario_batch,
    scenario_golden,
    scenario_hosts,
    scenario_outside,
    scenario_scale_set,
    users,
)
from emulator.authorization import assignments, check, locks, roles
from emulator.compute import scale_sets
from emulator.desktopvirtualization import host_pools, scaling_plans
from emulator.identity import PRINCIPALS
from emulator.keyvault import vaults
from emulator.resources import groups, subscriptions
from emulator.scenario_hosts import GROUP, LOCATION, SUBSCRIPTION
from emulator.wire import Body
from emulator.world import World

SECTION = "scenario"
START = "2026-01-12T20:00:00Z"
"""A Monday evening: the maintenance window of an office pool."""
TENANT = "22222222-2222-2222-2222-222222222222"

DEPLOYER: Body = {
    "client_id": "d0000000-0000-4000-8000-000000000001",
    "object_id": "d0000000-0000-4000-8000-00000000000a",
    "name": "deployer",
    "secret": "deployer-secret",
}
UPDATER: Body = {
    "client_id": "e0000000-0000-4000-8000-000000000001",
    "object_id": "e0000000-0000-4000-8000-00000000000a",
    "name": "updater",
    "secret": "updater-secret",
}
VAULT = "avd-kv"
SECRETS = {
    "domain-join-password": "J0in-the-domain!",
    "local-admin-name": "avdadmin",
    "local-admin-password": "L0cal-Admin-Passw0rd!",
}
JOIN_USER = "joiner@contoso.com"


class ScenarioError(ValueError):
    """An unknown scenario or option, or a value that makes no sense; the message says which."""


@dataclass(frozen=True)
class Option:
    """One option: `kind` is str, int, float or bool; default None means: worked out from the others."""

    name: str
    kind: type
    default: Any
    description: str


OPTIONS: tuple[Option, ...] = (
    Option("hosts", int, 12, "session hosts, of all pools together"),
    Option("pools", int, 1, "host pools hp1, hp2 ..., of one size; with several, each has resource groups of its own"),
    Option("image", str, "1.0.0", "version that the hosts' OS disks were made from"),
    Option("users", int, None, "people who work on the pool; default 5 for each running host"),
    Option("seed", int, 1, "seed of durations, people and names"),
    Option(
        "start",
        str,
        None,
        "emulated time to begin at (ISO 8601); default: 2026-01-12T20:00:00Z, or now on a running clock",
    ),
    Option("join", str, "ad", "how hosts are joined: ad or entra"),
    Option("off", int, 0, "hosts that are deallocated"),
    Option("draining", int, 0, "hosts that take no new sessions"),
    Option("needs_assistance", int, 0, "hosts whose UrlsAccessibleCheck fails"),
    Option("scaling_plan", bool, False, "whether the scaling plan sp1, which is assigned, is enabled"),
    Option("exclusion_tag", str, "ExcludeFromScaling", "exclusion tag of the scaling plan; an empty one sets none"),
    Option("personal", bool, False, "a Personal pool"),
    Option("automated", bool, False, "a pool with management type Automated"),
    Option("empty", bool, False, "a pool without hosts"),
    Option("host_groups", int, 1, "resource groups that the hosts are spread over"),
    Option("apart", bool, False, "hosts, network and images in the groups avd-hosts, avd-network and avd-images"),
    Option("golden", bool, False, "a golden VM `golden` in the subnet `build`, to capture images from"),
    Option("outside", bool, False, "galleries of others: shared, public, in another subscription, in another tenant"),
    Option("tasks", int, 0, "of scenario batch: tasks of two hours each"),
    Option("user_subscription", bool, False, "of scenario batch: allocation mode UserSubscription"),
    Option("locks", int, 0, "hosts whose VM has a CanNotDelete lock"),
    Option("vm_size", str, "Standard_D4s_v5", "size of the hosts"),
    Option("os_disk_type", str, "Premium_LRS", "type of the OS disks"),
    Option("max_session_limit", int, 16, "maxSessionLimit of the pool"),
    Option("load_balancer", str, "BreadthFirst", "BreadthFirst or DepthFirst"),
    Option("sessions_per_host", int, None, "fixed number of sessions on each host that stay until somebody ends them"),
    Option("logged_on", float, 0.5, "share of the users who are logged on at the start"),
    Option("log_off_minutes", float, 5.0, "median minutes from reading a message to logging off"),
    Option("ignore_probability", float, 0.2, "share of users who never react to messages"),
    Option("disconnect_probability", float, 0.3, "share of users who disconnect instead of logging off"),
    Option("return_probability", float, 0.02, "that the last user of a draining host comes back to it"),
    Option("throttling", bool, True, "rate limits and 429"),
    Option("latency", bool, True, "each request takes the time that requests take; false: none"),
    Option("instances", int, 10, "instances of the scale set `web` (scenario scale-set)"),
    Option("zones", int, 0, "zones that they are spread over; 0: none"),
    Option("health", str, "extension", "their health source: extension, rich, probe or none"),
    Option("mode", str, "Manual", "upgradePolicy.mode of the scale set: Manual, Automatic or Rolling"),
    Option("automatic_os_upgrade", bool, False, "whether automatic OS upgrades of the scale set are on, for long"),
    Option("versions", str, "", "versions of its image to come, after seconds: `1.0.1@3600 1.0.2@90000`"),
    Option("bad_versions", str, "", "versions with a fault in their guests: `1.0.1:unhealthy`"),
    Option("graph", bool, True, "the updater may read and delete Entra devices (Microsoft Graph)"),
)

SCENARIOS: dict[str, tuple[str, Body]] = {
    "empty": ("a subscription with nothing in it but the resource group, the key vault and the two principals", {}),
    "pooled": ("a pooled host pool with users, joined to Active Directory", {}),
    "entra": ("a pooled host pool, joined to Microsoft Entra ID", {"join": "entra"}),
    "personal": ("a personal host pool: each host belongs to one user", {"personal": True, "max_session_limit": 1}),
    "automated": ("a host pool with session host configuration (managementType Automated)", {"automated": True}),
    "no-hosts": ("a host pool without hosts", {"empty": True}),
    "batch": ("a Batch account with a pool whose nodes (`hosts`) run a gallery image", {"hosts": 4}),
    "scale-set": ("a scale set of a gallery image, with health source and data disks; no host pool", {}),
}
"""Name -> (description, defaults that differ)."""


@dataclass(frozen=True)
class Settings:
    """The options of one scenario, complete and checked."""

    hosts: int
    pools: int
    image: str
    users: int | None
    seed: int
    start: str
    join: str
    off: int
    draining: int
    needs_assistance: int
    scaling_plan: bool
    exclusion_tag: str
    personal: bool
    automated: bool
    empty: bool
    host_groups: int
    apart: bool
    golden: bool
    outside: bool
    tasks: int
    user_subscription: bool
    locks: int
    vm_size: str
    os_disk_type: str
    max_session_limit: int
    load_balancer: str
    sessions_per_host: int | None
    logged_on: float
    log_off_minutes: float
    ignore_probability: float
    disconnect_probability: float
    return_probability: float
    throttling: bool
    latency: bool
    graph: bool
    instances: int
    zones: int
    health: str
    mode: str
    automatic_os_upgrade: bool
    versions: str
    bad_versions: str


def build(name: str = "pooled", options: Body | None = None) -> World:
    """A new world. Raises ScenarioError."""
    settings = settings_of(name, options or {})
    world = World(now=_time(settings.start), seed=settings.seed)
    world.sections[SECTION] = {"name": name, "options": dict(options or {})}
    world.sections["settings"] = {
        "tenant": TENANT,
        "subscription": SUBSCRIPTION,
        "location": LOCATION,
        "domain": "contoso.com",
        "speed": 1.0,
        "throttling": settings.throttling,
        "latency": settings.latency,
        # A subscription whose quota was raised for the hosts it has, and a half more.
        "quota": scenario_hosts.quota(settings.vm_size, settings.hosts),
    }
    _tenant(world, settings)
    if name == "scale-set":
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        scenario_scale_set.add(world, group, LOCATION, _scale_set(settings))
        check.forget(world)
    elif name == "batch":
        mode = "UserSubscription" if settings.user_subscription else "BatchService"
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        scenario_batch.add(world, group, version=settings.image, hosts=settings.hosts, jobs=settings.tasks, mode=mode)
    elif name != "empty":
        _pools(world, settings)
    return world


def settings_of(name: str, options: Body) -> Settings:
    """Check options and fill in defaults. Raises ScenarioError."""
    if name not in SCENARIOS:
        raise ScenarioError(f"there is no scenario {name!r}: {', '.join(SCENARIOS)}")
    known = {option.name: option for option in OPTIONS}
    values = {option.name: option.default for option in OPTIONS} | SCENARIOS[name][1]
    for given, value in options.items():
        if given not in known:
            raise ScenarioError(f"there is no option {given!r}: {', '.join(known)}")
        values[given] = _value(known[given], value)
    values["start"] = values["start"] or START
    settings = Settings(**{field.name: values[field.name] for field in fields(Settings)})
    _time(settings.start)
    if settings.join not in ("ad", "entra"):
        raise ScenarioError("join is ad or entra")
    if settings.load_balancer not in ("BreadthFirst", "DepthFirst"):
        raise ScenarioError("load_balancer is BreadthFirst or DepthFirst")
    if not 0 <= settings.hosts <= 20000:
        raise ScenarioError("hosts is a number from 0 to 20000")
    if settings.off + settings.draining + settings.needs_assistance > settings.hosts:
        raise ScenarioError("off, draining and needs_assistance together are more than hosts")
    if settings.health not in scenario_scale_set.HEALTH:
        raise ScenarioError(f"health is one of {', '.join(scenario_scale_set.HEALTH)}")
    if settings.mode not in ("Manual", "Automatic", "Rolling"):
        raise ScenarioError("mode is Manual, Automatic or Rolling")
    if (settings.automatic_os_upgrade or settings.mode == "Rolling") and settings.health == "none":
        raise ScenarioError("automatic_os_upgrade and mode Rolling need a health source")
    if not 0 <= settings.zones <= 3 or not 0 <= settings.instances <= 1000:
        raise ScenarioError("zones is a number from 0 to 3, instances one from 0 to 1000")
    try:
        scenario_scale_set.versions_of(_scale_set(settings))
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    if settings.host_groups < 1:
        raise ScenarioError("host_groups is at least 1")
    if settings.pools < 1 or settings.hosts % settings.pools:
        raise ScenarioError("pools is at least 1, and hosts a multiple of it")
    return settings


def describe() -> list[Body]:
    """Names and options, for `GET /emulator/scenarios`."""
    return [
        {
            "name": name,
            "description": description,
            "options": [
                {
                    "name": option.name,
                    "type": option.kind.__name__,
                    "default": changed.get(option.name, option.default),
                    "description": option.description,
                }
                for option in OPTIONS
            ],
        }
        for name, (description, changed) in SCENARIOS.items()
    ]


def summary(world: World) -> Body:
    """What was put up: ids that a test needs first."""
    pools = [pool.id for pool in world.under(f"/subscriptions/{SUBSCRIPTION}", host_pools.TYPE)]
    sets = [each.id for each in world.under(f"/subscriptions/{SUBSCRIPTION}", scale_sets.TYPE)]
    return {"hostPools": pools, **({"scaleSets": sets} if sets else {}), "resources": len(world.resources)}


def _scale_set(settings: Settings) -> scenario_scale_set.Plan:
    return scenario_scale_set.Plan(
        settings.instances,
        settings.zones,
        settings.health,
        settings.mode,
        settings.automatic_os_upgrade,
        settings.versions,
        settings.bad_versions,
    )


# -- what is in it


def _tenant(world: World, settings: Settings) -> None:
    """Subscription, group, the two principals, the key vault, the account that joins computers."""
    subscriptions.add(world, SUBSCRIPTION)
    scope = groups.add(world, SUBSCRIPTION, GROUP, LOCATION)
    updater = {**UPDATER, "graph_roles": ["Device.ReadWrite.All"] if settings.graph else []}
    world.sections[PRINCIPALS] = {
        DEPLOYER["client_id"]: {**DEPLOYER, "graph_roles": []},
        UPDATER["client_id"]: updater,
    }
    assignments.grant(world, DEPLOYER["object_id"], roles.OWNER, f"/subscriptions/{SUBSCRIPTION}")
    vaults.add(world, scope, VAULT, SECRETS)
    # Owner has no data actions; whoever set the secrets had this role (learn.microsoft.com/azure/key-vault/general).
    vault_id = f"{scope}/providers/Microsoft.KeyVault/vaults/{VAULT}"
    assignments.grant(world, DEPLOYER["object_id"], roles.KEY_VAULT_SECRETS_OFFICER, vault_id)
    computers.set_join_account(world, JOIN_USER, SECRETS["domain-join-password"])


def _pools(world: World, settings: Settings) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    hosts = 0 if settings.empty else settings.hosts
    groups_of_hosts = settings.host_groups * settings.pools
    site = scenario_hosts.prepare(world, hosts=hosts, groups=groups_of_hosts, apart=settings.apart)
    ids = [
        f"{group}/providers/Microsoft.DesktopVirtualization/hostPools/hp{number + 1}"
        for number in range(settings.pools)
    ]
    for pool_id in ids:
        _host_pool(world, settings, site, pool_id)
    _scaling_plan(world, group, ids, settings)
    for number, pool_id in enumerate(ids):
        _hosts(world, settings, site, number, pool_id, hosts // settings.pools)
    if settings.golden:
        scenario_golden.add(world, group, f"{site.subnet.id.rsplit('/', 1)[0]}/build", settings.image)
    if settings.outside:
        scenario_outside.add(world)
    for vm_id in site.vms[: settings.locks]:
        lock_id = f"{vm_id}/providers/Microsoft.Authorization/locks/keep"
        properties = {"level": "CanNotDelete", "notes": "must not be deleted"}
        world.put(lock_id, {"properties": properties, "id": lock_id, "type": locks.LOCK, "name": "keep"})
    check.forget(world)


def _host_pool(world: World, settings: Settings, site: scenario_hosts.Site, pool_id: str) -> None:
    host_pools.make(
        world,
        pool_id,
        LOCATION,
        {
            "friendlyName": "Office",
            "description": "Session hosts of the office",
            "hostPoolType": "Personal" if settings.personal else "Pooled",
            "personalDesktopAssignmentType": "Automatic" if settings.personal else None,
            "loadBalancerType": "Persistent" if settings.personal else settings.load_balancer,
            "maxSessionLimit": settings.max_session_limit,
            "managementType": "Automated" if settings.automated else "Standard",
            "vmTemplate": scenario_hosts.vm_template(
                site.images, settings.image, settings.vm_size, settings.os_disk_type
            ),
        },
        {"owner": "desktop-team", "costCenter": "4711"},
        "deployer",
    )


def _hosts(world: World, settings: Settings, site: scenario_hosts.Site, number: int, pool_id: str, hosts: int) -> None:
    """The hosts and users of pool `number`, from 0; what is special about hosts is so in the last pool."""
    last = number == settings.pools - 1
    off = settings.off if last else 0
    habits = users.Habits(
        log_off_minutes=settings.log_off_minutes,
        ignore_probability=settings.ignore_probability,
        disconnect_probability=settings.disconnect_probability,
        return_probability=settings.return_probability,
        stay=settings.sessions_per_host is not None,
        logged_on=1.0 if settings.sessions_per_host is not None else settings.logged_on,
    )
    running = hosts - off
    people = settings.users // settings.pools if settings.users is not None else 5 * running
    if settings.sessions_per_host is not None:
        people = settings.sessions_per_host * running
    if settings.personal:
        people = hosts
    scenario_hosts.add_hosts(
        world,
        site,
        pool_id,
        range(number * hosts, (number + 1) * hosts),
        scenario_hosts.Plan(
            image=settings.image,
            join=settings.join,
            join_user=JOIN_USER,
            vm_size=settings.vm_size,
            os_disk_type=settings.os_disk_type,
            off=off,
            draining=settings.draining if last else 0,
            needs_assistance=settings.needs_assistance if last else 0,
            personal=settings.personal,
            people=people,
            habits=habits,
        ),
    )


def _scaling_plan(world: World, group: str, pools: list[str], settings: Settings) -> None:
    """Office hours with few hosts at night; assigned, and enabled if asked for."""
    schedule = {
        "name": "every-day",
        "daysOfWeek": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        "rampUpStartTime": {"hour": 6, "minute": 0},
        "rampUpLoadBalancingAlgorithm": "BreadthFirst",
        "rampUpMinimumHostsPct": 50,
        "rampUpCapacityThresholdPct": 80,
        "peakStartTime": {"hour": 8, "minute": 0},
        "peakLoadBalancingAlgorithm": "BreadthFirst",
        "rampDownStartTime": {"hour": 18, "minute": 0},
        "rampDownLoadBalancingAlgorithm": "DepthFirst",
        "rampDownMinimumHostsPct": 50,
        "rampDownCapacityThresholdPct": 90,
        "rampDownForceLogoffUsers": False,
        "rampDownWaitTimeMinutes": 30,
        "rampDownNotificationMessage": "Please save your work.",
        "rampDownStopHostsWhen": "ZeroSessions",
        "offPeakStartTime": {"hour": 22, "minute": 0},
        "offPeakLoadBalancingAlgorithm": "DepthFirst",
    }
    scaling_plans.make(
        world,
        f"{group}/providers/Microsoft.DesktopVirtualization/scalingPlans/sp1",
        LOCATION,
        {
            "friendlyName": "Office hours",
            "timeZone": "UTC",
            "hostPoolType": "Personal" if settings.personal else "Pooled",
            "exclusionTag": settings.exclusion_tag or None,
            "schedules": [] if settings.personal else [schedule],
            "hostPoolReferences": [
                {"hostPoolArmPath": pool_id, "scalingPlanEnabled": settings.scaling_plan} for pool_id in pools
            ],
        },
        {"owner": "desktop-team"},
        "deployer",
    )


def _value(option: Option, value: Any) -> Any:
    if value is None:
        return option.default
    right = isinstance(value, option.kind) and (option.kind is bool or not isinstance(value, bool))
    if option.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if option.kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not right:
        raise ScenarioError(f"{option.name} is of type {option.kind.__name__}, not {value!r}")
    return value


def _time(text: str) -> float:
    try:
        return clock.parse(text)
    except ValueError:
        raise ScenarioError(f"start is an ISO 8601 time, not {text!r}") from None
