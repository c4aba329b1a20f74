"""What a user declares: the inputs of `HostPoolImageUpdate` as frozen records with their defaults.

`parse` turns the plain inputs (snake_case, numbers possibly floats because Pulumi sends them so) into a `Declaration`
and raises `InvalidDeclaration` with property, value and remedy. Types and unknown keys are the JSON schema's business
(`providers/schema.json`); here is what a schema cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from rollout.canary import Canary, StopAfter, canary
from rollout.draining import Drain, drain
from rollout.emergency import Emergency, emergency
from rollout.errors import InvalidDeclaration
from rollout.hand_off import HandOff
from rollout.log_analytics import LogAnalytics, log_analytics
from rollout.notices import Notify, notify
from rollout.post_update import PostUpdate, post_update
from rollout.promote_from import PromoteFrom, promote_from
from rollout.protection import Protection, protection
from rollout.quarantine import Quarantine, quarantine
from rollout.ready_by import ReadyBy, check_cuts, ready_by
from rollout.values import (
    DAY,
    MINUTE,
    Amount,
    amount,
    choice,
    duration,
    fraction,
    moment,
    percent,
    resource_id,
    secret_uri,
    tag,
    whole,
)
from rollout.window import Window, window, zone_named

EXAMPLE_GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd-build"
EXAMPLE_SUBNET = "/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/build"
SUBNET = "/resourceGroups/*/providers/Microsoft.Network/virtualNetworks/*/subnets/*"
HOST_POOL_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.DesktopVirtualization/hostPools/[^/]+",
    re.IGNORECASE,
)


class Build(StrEnum):
    """When the new disk is built."""

    AHEAD = "ahead"
    """While the host still serves: the outage is only stop, swap, start and join."""
    AFTER_DEALLOCATE = "after_deallocate"
    """After the host was stopped, AVD's own order: two machines of one name never run at once."""


class Stop(StrEnum):
    """How a host is stopped for the swap."""

    DEALLOCATE = "deallocate"
    POWER_OFF = "power_off"
    """Keeps the allocation, so that the start cannot fail for lack of capacity; not with a change of size."""


class WhenClosed(StrEnum):
    """What a run does outside the maintenance window."""

    RETURN = "return"
    """It ends at once, scheduled, and the first run inside a window begins."""
    WAIT = "wait"


class Timing(StrEnum):
    """When in a maintenance window the work begins."""

    ASAP = "asap"
    QUIETEST = "quietest"
    """When the fewest sessions are expected while it goes on."""


class JoinType(StrEnum):
    ACTIVE_DIRECTORY = "ad"
    ENTRA = "entra"


class DeviceCleanup(StrEnum):
    """How the Entra device of a host is removed before the same name joins again."""

    GRAPH = "graph"
    LEAVE = "leave"
    NONE = "none"


@dataclass(frozen=True)
class Checkpoint:
    """After `percent` of the hosts are done, wait `pause` seconds."""

    percent: float
    pause: float


@dataclass(frozen=True)
class Join:
    type: JoinType
    domain: str = ""
    ou_path: str = ""
    user: str = ""
    password_secret: str = ""
    """Key Vault secret URI."""
    mdm_id: str = ""


@dataclass(frozen=True)
class LocalAdmin:
    username_secret: str
    password_secret: str


@dataclass(frozen=True)
class Agent:
    """How the AVD agent is installed. `modules_url` is the DSC package Microsoft's own templates use; there is no
    `latest` and no listing of them (Azure/RDS-Templates issue 790), so it is pinned and can be changed. The DSC
    extension retires on 31 March 2028 (Azure/RDS-Templates issue 836)."""

    modules_url: str = (
        "https://wvdportalstorageblob.blob.core.windows.net/galleryartifacts/Configuration_1.0.02990.697.zip"
    )


@dataclass(frozen=True)
class Verify:
    polls: int = 2
    """Healthy answers in a row."""
    accept: tuple[str, ...] = ("Available",)
    """Session host statuses that count as healthy; add NeedsAssistance where non-fatal checks may fail."""
    script: tuple[str, ...] = ()
    """PowerShell lines run on the updated host; they must end with exit code 0."""
    timeout: float = 60 * MINUTE
    """Seconds from the start of the VM to a healthy host."""


@dataclass(frozen=True)
class Declaration:
    """The desired state of one pool, validated. Durations in seconds, ids as written."""

    host_pool_id: str
    image: str
    version: str
    max_unavailable: Amount = Amount(1, False)
    max_building: Amount | None = None
    """Temporary VMs at once; default twice max_unavailable."""
    min_serving: Amount = Amount(0, False)
    headroom: float = 0.1
    sessions_per_host: int | None = None
    """Stands in for the pool's maxSessionLimit where that is not set (999999)."""
    canary: Canary = Canary()
    stop_after: StopAfter | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    max_failed: Amount = Amount(0, False)
    drain: Drain = Drain()
    hand_off: HandOff = HandOff.HARD
    protection: Protection = Protection()
    post_update: PostUpdate = PostUpdate()
    join: Join | None = None
    local_admin: LocalAdmin | None = None
    vm_size: str | None = None
    os_disk_type: str | None = None
    build: Build = Build.AHEAD
    build_resource_group_id: str | None = None
    build_subnet_id: str | None = None
    build_tags: tuple[tuple[str, str], ...] = ()
    """Extra tags of temporary resources, for Azure Policy exemptions."""
    stop: Stop = Stop.DEALLOCATE
    allocation_retry: float = 60 * MINUTE
    """Seconds a start is retried after AllocationFailed."""
    keep_old_disk: float = 3 * DAY
    quarantine: Quarantine = Quarantine()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    grow_os_disk: bool = False
    """Whether OS disks may become larger with an image that needs it; without it such an image is refused."""
    fail_when_incomplete: bool = True
    device_cleanup: DeviceCleanup = DeviceCleanup.NONE
    exclusion_tag: str | None = None
    """Tag that keeps autoscale off a host; default the scaling plan's own exclusionTag."""
    agent: Agent = Agent()
    verify: Verify = Verify()
    window: Window | None = None
    start_at: float | None = None
    """Epoch second before which no host is touched."""
    time_zone: str | None = None
    """IANA name of the zone in which people are told times; default that of the window."""
    when_closed: WhenClosed = WhenClosed.RETURN
    timing: Timing = Timing.ASAP
    """When in a window the work begins."""
    build_ahead: float = 0.0
    """Seconds before a window opens from which disks are built for it."""
    ready_by: ReadyBy | None = None
    """When people come, and enough hosts must serve."""
    emergency: Emergency | None = None
    """Why the window is not waited for."""
    notify: Notify | None = None
    log_analytics: LogAnalytics | None = None
    promote_from: PromoteFrom | None = None
    """Whose version this pool gets, where `version` is `promoted`."""
    max_rollouts_per_subscription: int = 1
    """Rollouts that may be at work in the subscription at once, this one included; 0 for any number."""

    @property
    def pool_name(self) -> str:
        return self.host_pool_id.rsplit("/", 1)[-1]

    @property
    def zone(self) -> str:
        """IANA name of the pool's zone."""
        return self.time_zone or (self.window.zone if self.window is not None else "UTC")


def parse(inputs: Mapping[str, Any]) -> Declaration:
    """A `Declaration` of plain inputs. Raises InvalidDeclaration."""
    from rollout.contradictions import check  # it judges what is defined here

    given = {key: value for key, value in inputs.items() if value is not None}
    pool_id = str(given["host_pool_id"])
    if not HOST_POOL_ID.fullmatch(pool_id):
        raise InvalidDeclaration(
            "host_pool_id",
            pool_id,
            "is not the id of a host pool",
            "write /subscriptions/<id>/resourceGroups/<group>"
            "/providers/Microsoft.DesktopVirtualization/hostPools/<name>, such as "
            f"{EXAMPLE_GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1",
        )
    fields: dict[str, Any] = {"host_pool_id": pool_id, "image": str(given["image"]), "version": str(given["version"])}
    for name in ("max_unavailable", "max_building"):
        if name in given:
            fields[name] = amount(name, given[name], at_least=1)
    for name in ("min_serving", "max_failed"):
        if name in given:
            fields[name] = amount(name, given[name], at_least=0)
    for name in ("vm_size", "os_disk_type"):
        if name in given:
            fields[name] = str(given[name])
    if "exclusion_tag" in given:
        fields["exclusion_tag"], _ = tag("exclusion_tag", str(given["exclusion_tag"]), "")
    for name, what, kind_of_id, example in (
        ("build_resource_group_id", "resource group", "/resourceGroups/*", EXAMPLE_GROUP),
        ("build_subnet_id", "subnet", SUBNET, f"{EXAMPLE_GROUP}{EXAMPLE_SUBNET}"),
    ):
        if name in given:
            fields[name] = resource_id(name, str(given[name]), what, kind_of_id, example)
    for name in ("fail_when_incomplete", "grow_os_disk"):
        if name in given:
            fields[name] = bool(given[name])
    for name, kind in (
        ("build", Build),
        ("stop", Stop),
        ("device_cleanup", DeviceCleanup),
        ("when_closed", WhenClosed),
        ("timing", Timing),
        ("stop_after", StopAfter),
        ("hand_off", HandOff),
    ):
        if name in given:
            fields[name] = choice(name, given[name], kind)
    for name in ("keep_old_disk", "allocation_retry", "build_ahead"):
        if name in given:
            fields[name] = duration(name, given[name])
    for name in ("include", "exclude"):
        if name in given:
            fields[name] = tuple(str(item) for item in given[name])
    if "headroom" in given:
        fields["headroom"] = fraction("headroom", given["headroom"])
    if "max_rollouts_per_subscription" in given:
        most = given["max_rollouts_per_subscription"]
        fields["max_rollouts_per_subscription"] = whole("max_rollouts_per_subscription", most, at_least=0)
    if "sessions_per_host" in given:
        fields["sessions_per_host"] = whole("sessions_per_host", given["sessions_per_host"], at_least=1)
    if "start_at" in given:
        fields["start_at"] = moment("start_at", given["start_at"])
    if "time_zone" in given:
        fields["time_zone"] = zone_named(str(given["time_zone"]), "time_zone")
    if "build_tags" in given:
        tags = ((str(name), str(value)) for name, value in given["build_tags"].items())
        fields["build_tags"] = tuple(sorted(tag("build_tags", name, value) for name, value in tags))
    if "checkpoints" in given:
        fields["checkpoints"] = _checkpoints(given["checkpoints"])
    for name, read in (
        ("canary", canary),
        ("quarantine", quarantine),
        ("drain", partial(drain, pool=pool_id.rsplit("/", 1)[-1])),
        ("protection", protection),
        ("post_update", post_update),
        ("join", _join),
        ("local_admin", _local_admin),
        ("agent", _agent),
        ("verify", _verify),
        ("window", _window),
        ("notify", notify),
        ("log_analytics", log_analytics),
        ("emergency", emergency),
    ):
        if name in given:
            fields[name] = read(given[name])
    if "promote_from" in given:
        fields["promote_from"] = promote_from(given["promote_from"], pool_id, HOST_POOL_ID)
    if "ready_by" in given:
        fields["ready_by"] = _ready_by(str(given["ready_by"]), fields.get("window"))
    declaration = Declaration(**fields)
    check(declaration)
    return declaration


def _checkpoints(given: Any) -> tuple[Checkpoint, ...]:
    points = tuple(
        Checkpoint(
            percent(f"checkpoints[{i}].percent", item["percent"]), duration(f"checkpoints[{i}].pause", item["pause"])
        )
        for i, item in enumerate(given)
    )
    for i, point in enumerate(points):
        before = points[i - 1].percent if i else 0.0
        if point.percent <= before or point.percent >= 100:
            why = f"does not follow {before:g}" if i and point.percent <= before else "leaves no host to pause before"
            raise InvalidDeclaration(
                f"checkpoints[{i}].percent",
                given[i]["percent"],
                why,
                f"list them in rising order below 100, such as {(before + 100) / 2:g} here",
            )
        if not point.pause:
            raise InvalidDeclaration(
                f"checkpoints[{i}].pause", given[i]["pause"], "is no pause", "write one such as PT30M"
            )
    return points


EXAMPLE_JOIN = {
    "domain": "corp.contoso.com",
    "user": "svc-avd-join@corp.contoso.com",
    "password_secret": "https://avd-kv.vault.azure.net/secrets/domain-join-password",
}


def _join(given: Mapping[str, Any]) -> Join:
    kind = choice("join.type", given["type"], JoinType)
    join = Join(kind, **{k: str(v) for k, v in given.items() if k != "type" and v is not None})
    if kind is JoinType.ACTIVE_DIRECTORY:
        for name in ("domain", "user", "password_secret"):
            if not getattr(join, name):
                raise InvalidDeclaration(
                    f"join.{name}",
                    None,
                    "is missing",
                    f"join.type ad needs domain, user and password_secret, such as {EXAMPLE_JOIN[name]}",
                )
        secret_uri("join.password_secret", join.password_secret)
    for name in OTHER_JOIN[kind]:
        if getattr(join, name):
            value = "(hidden)" if name == "password_secret" else getattr(join, name)
            raise InvalidDeclaration(
                f"join.{name}", value, f"has no effect with join.type: {kind}", "leave it out, or use the other type"
            )
    if join.ou_path and not all("=" in part for part in re.split(r"(?<!\\),", join.ou_path)):
        raise InvalidDeclaration(
            "join.ou_path",
            join.ou_path,
            "is no distinguished name",
            "write one such as OU=AVD,DC=corp,DC=contoso,DC=com",
        )
    return join


OTHER_JOIN = {
    JoinType.ACTIVE_DIRECTORY: ("mdm_id",),
    JoinType.ENTRA: ("domain", "ou_path", "user", "password_secret"),
}
"""Settings of the other type."""


def _local_admin(given: Mapping[str, Any]) -> LocalAdmin:
    for name in ("username_secret", "password_secret"):
        secret_uri(f"local_admin.{name}", str(given[name]))
    return LocalAdmin(str(given["username_secret"]), str(given["password_secret"]))


def _window(given: Mapping[str, Any]) -> Window:
    return window(given, duration("window.duration", given["duration"]))


def _ready_by(given: str, within: Window | None) -> ReadyBy:
    if within is None:
        raise InvalidDeclaration(
            "ready_by",
            given,
            "has no window that it could end",
            "declare window too, whose zone it has, or leave it out",
        )
    ready = ready_by(given, within.zone)
    check_cuts(given, ready, within)
    return ready


def _agent(given: Mapping[str, Any]) -> Agent:
    agent = Agent(**{k: str(v) for k, v in given.items() if v is not None})
    if not re.fullmatch(r"https://[^/\s]+/\S+", agent.modules_url):
        raise InvalidDeclaration(
            "agent.modules_url", agent.modules_url, "is no https:// address", f"write one such as {Agent.modules_url}"
        )
    return agent


def _verify(given: Mapping[str, Any]) -> Verify:
    fields: dict[str, Any] = {}
    if given.get("polls") is not None:
        fields["polls"] = whole("verify.polls", given["polls"], at_least=1)
    if given.get("timeout") is not None:
        fields["timeout"] = duration("verify.timeout", given["timeout"])
    for name in ("accept", "script"):
        if given.get(name) is not None:
            fields[name] = tuple(str(item) for item in given[name])
    return Verify(**fields)
