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
from itertools import islice, pairwise
from typing import Any

from rollout.canary import Canary, StopAfter, canary
from rollout.clock import iso
from rollout.draining import Drain, drain
from rollout.draining import check as check_drain
from rollout.emergency import Emergency, emergency
from rollout.errors import InvalidDeclaration
from rollout.log_analytics import LogAnalytics, log_analytics
from rollout.notices import Notify, notify
from rollout.post_update import PostUpdate, post_update
from rollout.promote_from import PROMOTED, PromoteFrom, promote_from
from rollout.protection import Protection, protection
from rollout.quarantine import Quarantine, quarantine
from rollout.ready_by import DAYS, ReadyBy, ready_by
from rollout.values import DAY, MINUTE, Amount, amount, choice, duration, fraction, moment, percent, secret_uri, whole
from rollout.window import Window, window, zone_named

SHORTEST_AHEAD = 10 * MINUTE
"""Seconds: the build of a disk takes five minutes, and a slow one twice that."""
SHORTEST_WINDOW = 30 * MINUTE
"""Seconds: a host without users whose disk is built takes a quarter of an hour, and a slow one as much again."""

CUTS_LOOKED_AT = 400
"""Windows of which ready_by is looked at: a year of days and more."""

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
    given = {key: value for key, value in inputs.items() if value is not None}
    pool_id = str(given["host_pool_id"])
    if not HOST_POOL_ID.fullmatch(pool_id):
        raise InvalidDeclaration(
            "host_pool_id",
            pool_id,
            "is not the id of a host pool",
            "write /subscriptions/<id>/resourceGroups/<group>"
            "/providers/Microsoft.DesktopVirtualization/hostPools/<name>",
        )
    fields: dict[str, Any] = {"host_pool_id": pool_id, "image": str(given["image"]), "version": str(given["version"])}
    for name in ("max_unavailable", "max_building"):
        if name in given:
            fields[name] = amount(name, given[name], at_least=1)
    for name in ("min_serving", "max_failed"):
        if name in given:
            fields[name] = amount(name, given[name], at_least=0)
    for name in ("vm_size", "os_disk_type", "build_resource_group_id", "build_subnet_id", "exclusion_tag"):
        if name in given:
            fields[name] = str(given[name])
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
        fields["build_tags"] = tuple(sorted((str(k), str(v)) for k, v in given["build_tags"].items()))
    if "checkpoints" in given:
        fields["checkpoints"] = _checkpoints(given["checkpoints"])
    for name, read in (
        ("canary", canary),
        ("quarantine", quarantine),
        ("drain", drain),
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
    _contradictions(declaration)
    return declaration


def _contradictions(d: Declaration) -> None:
    if d.version.strip().lower() == PROMOTED and d.promote_from is None:
        raise InvalidDeclaration(
            "version", d.version, "comes from no pool", "declare promote_from, or write a version, such as 1.0.1"
        )
    if d.stop is Stop.POWER_OFF and d.vm_size is not None:
        raise InvalidDeclaration(
            "stop", "power_off", "does not go with vm_size", "a new size needs stop: deallocate, or leave vm_size out"
        )
    both = sorted(set(d.include) & set(d.exclude))
    if both:
        raise InvalidDeclaration("exclude", both[0], "is also in include", "name a host in one of the two lists")
    if d.stop_after is StopAfter.CANARY and not d.canary.hosts:
        raise InvalidDeclaration(
            "stop_after", "canary", "has no canary to stop after", "declare canary.hosts 1 or more, or leave it out"
        )
    include, exclude = ({name.lower() for name in names} for names in (d.include, d.exclude))
    for name in d.canary.names:
        if name.lower() in exclude or (include and name.lower() not in include):
            where = "in exclude" if name.lower() in exclude else "not in include"
            raise InvalidDeclaration("canary.names", name, f"is {where}", "name hosts that are updated")
    check_drain(d.drain, d.pool_name)
    if d.window is not None and d.start_at is not None:
        raise InvalidDeclaration("start_at", iso(d.start_at), "does not go with window", "declare one of the two")
    if d.window is not None and d.ready_by is not None:
        _cut_windows(d.window, d.ready_by)
    if d.window is not None and d.window.duration < SHORTEST_WINDOW:
        raise InvalidDeclaration(
            "window.duration",
            d.window.duration,
            "is shorter than one host takes",
            f"declare {SHORTEST_WINDOW / MINUTE:.0f} minutes at least, such as PT6H",
        )
    if d.timing is Timing.QUIETEST and d.window is None:
        raise InvalidDeclaration(
            "timing", "quietest", "has no window to choose from", "declare a window, or leave timing out"
        )
    if d.build_ahead:
        _check_build_ahead(d)


def _check_build_ahead(d: Declaration) -> None:
    def wrong(why: str, remedy: str) -> InvalidDeclaration:
        return InvalidDeclaration("build_ahead", d.build_ahead, why, remedy)

    if d.window is None and d.start_at is None:
        raise wrong("is ahead of no window", "declare a window or start_at, or leave build_ahead out")
    if d.build is Build.AFTER_DEALLOCATE:
        raise wrong("does not go with build: after_deallocate", "declare build: ahead, or leave build_ahead out")
    if d.build_ahead < SHORTEST_AHEAD:
        raise wrong("is too short to build a disk", 'write "PT10M" or more, such as "PT4H"')


def _checkpoints(given: Any) -> tuple[Checkpoint, ...]:
    points = tuple(
        Checkpoint(
            percent(f"checkpoints[{i}].percent", item["percent"]), duration(f"checkpoints[{i}].pause", item["pause"])
        )
        for i, item in enumerate(given)
    )
    for before, after in pairwise(points):
        if after.percent <= before.percent:
            raise InvalidDeclaration(
                "checkpoints", after.percent, f"does not follow {before.percent:g}", "list them in rising order"
            )
    return points


def _join(given: Mapping[str, Any]) -> Join:
    kind = choice("join.type", given["type"], JoinType)
    join = Join(kind, **{k: str(v) for k, v in given.items() if k != "type" and v is not None})
    if kind is JoinType.ACTIVE_DIRECTORY:
        for name in ("domain", "user", "password_secret"):
            if not getattr(join, name):
                raise InvalidDeclaration(
                    f"join.{name}", None, "is missing", "join.type ad needs domain, user and password_secret"
                )
        secret_uri("join.password_secret", join.password_secret)
    elif join.domain or join.user or join.password_secret:
        raise InvalidDeclaration(
            "join.type", "entra", "has no domain, user or password_secret", "remove them, or use type: ad"
        )
    return join


def _local_admin(given: Mapping[str, Any]) -> LocalAdmin:
    for name in ("username_secret", "password_secret"):
        secret_uri(f"local_admin.{name}", str(given[name]))
    return LocalAdmin(str(given["username_secret"]), str(given["password_secret"]))


def _window(given: Mapping[str, Any]) -> Window:
    return window(given, duration("window.duration", given["duration"]))


def _ready_by(given: str, within: Window | None) -> ReadyBy:
    if within is None:
        raise InvalidDeclaration(
            "ready_by", given, "has no window that it could end", "declare window too: its zone is that of ready_by"
        )
    return ready_by(given, within.zone)


def _cut_windows(window: Window, ready: ReadyBy) -> None:
    """No window may be cut so short that nothing can be done in it."""
    for opening in islice(window.openings(0.0), CUTS_LOOKED_AT):
        left = min(opening.end, ready.after(opening.start)) - opening.start
        if left < min(SHORTEST_WINDOW, window.duration):
            raise InvalidDeclaration(
                "ready_by",
                f"{DAYS[ready.day].title()} {ready.at:%H:%M}",
                f"leaves {left / MINUTE:.0f} minutes of the window that begins {window.local(opening.start)}",
                f"leave {SHORTEST_WINDOW / MINUTE:.0f} minutes of each at least, or let the window begin later",
            )


def _agent(given: Mapping[str, Any]) -> Agent:
    return Agent(**{k: str(v) for k, v in given.items() if v is not None})


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
