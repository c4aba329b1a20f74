"""Settings that are right by themselves and make no sense together: one that another takes the effect of is refused, so
that nobody relies on what will not happen. Those within one object are told where the object is read; what is without
effect and harms nobody is a warning (`rollout/prechecks/effect.py`).
"""

from __future__ import annotations

from rollout.canary import StopAfter
from rollout.declaration import Build, Declaration, DeviceCleanup, JoinType, Stop, Timing, WhenClosed
from rollout.errors import InvalidDeclaration
from rollout.hand_off import HandOff
from rollout.notices import Notify
from rollout.promote_from import PROMOTED
from rollout.values import MINUTE, as_written
from rollout.window import SHORTEST_WINDOW

SHORTEST_AHEAD = 10 * MINUTE
"""Seconds: the build of a disk takes five minutes, and a slow one twice that."""
SHORTEST_VERIFY = 5 * MINUTE
"""Seconds: no Windows has started, joined and registered in less (azure-docs session-host-update: about 20 minutes a
host)."""


def check(d: Declaration) -> None:
    """Raises InvalidDeclaration for the first contradiction."""
    if d.version.strip().lower() == PROMOTED and d.promote_from is None:
        raise InvalidDeclaration(
            "version", d.version, "comes from no pool", "declare promote_from, or write a version, such as 1.0.1"
        )
    _hosts(d)
    _machines(d)
    _time(d)


def _hosts(d: Declaration) -> None:
    include, exclude = ([name.lower() for name in names] for names in (d.include, d.exclude))
    for i, name in enumerate(d.exclude):
        if name.lower() in include:
            raise InvalidDeclaration(f"exclude[{i}]", name, "is also in include", "leave it out of one of the two")
    for i, name in enumerate(d.canary.names):
        if name.lower() in exclude or (include and name.lower() not in include):
            where = "in exclude" if name.lower() in exclude else "not in include"
            raise InvalidDeclaration(
                f"canary.names[{i}]", name, f"is {where}", "leave it out: only a host that is updated can be the canary"
            )
    if d.stop_after is not StopAfter.CANARY:
        return
    if not d.canary.hosts:
        raise InvalidDeclaration(
            "stop_after", "canary", "has no canary to stop after", "declare canary.hosts: 1 or more, or leave it out"
        )
    if d.canary.approval:
        raise InvalidDeclaration(
            "stop_after", "canary", "keeps back what canary.approval would let go on", "leave one of the two out"
        )


def _machines(d: Declaration) -> None:
    if d.stop is Stop.POWER_OFF and d.vm_size is not None:
        raise InvalidDeclaration(
            "stop", "power_off", "does not go with vm_size", "declare stop: deallocate, or leave vm_size out"
        )
    if d.max_building is not None and d.build is Build.AFTER_DEALLOCATE:
        raise InvalidDeclaration(
            "max_building",
            str(d.max_building) if d.max_building.percent else d.max_building.value,
            "has no effect with build: after_deallocate, which builds where a host is out",
            "leave it out: max_unavailable says how many, or declare build: ahead",
        )
    if d.hand_off is HandOff.SOFT and d.max_unavailable.percent and d.max_unavailable.value >= 100:
        raise InvalidDeclaration(
            "hand_off",
            "soft",
            f"has no effect with max_unavailable: {d.max_unavailable}, with which no host waits for its turn",
            "leave it out, or declare max_unavailable: 10%, say",
        )
    if d.device_cleanup is not DeviceCleanup.NONE and d.join is not None and d.join.type is not JoinType.ENTRA:
        raise InvalidDeclaration(
            "device_cleanup",
            str(d.device_cleanup),
            f"has no effect with join.type: {d.join.type}",
            "leave it out, or declare join.type: entra",
        )
    if d.verify.timeout < SHORTEST_VERIFY:
        raise InvalidDeclaration(
            "verify.timeout",
            as_written(d.verify.timeout),
            "is shorter than any host takes to start and register, so that each gets its old disk back",
            "write PT5M or more, such as PT60M",
        )


def _time(d: Declaration) -> None:
    if d.window is not None and d.start_at is not None:
        raise InvalidDeclaration(
            "start_at", as_written(d.start_at), "does not go with window", "leave one of the two out"
        )
    if d.window is not None and d.window.duration < SHORTEST_WINDOW:
        raise InvalidDeclaration(
            "window.duration",
            as_written(d.window.duration),
            "is shorter than one host takes",
            f"declare {SHORTEST_WINDOW / MINUTE:.0f} minutes at least, such as PT6H",
        )
    if d.timing is Timing.QUIETEST and d.window is None:
        raise InvalidDeclaration(
            "timing", "quietest", "has no window to choose from", "declare a window, or leave timing out"
        )
    if d.build_ahead:
        _check_build_ahead(d)
    if d.window is not None or d.start_at is not None:
        return
    if d.when_closed is WhenClosed.WAIT and not d.max_rollouts_per_subscription:
        raise InvalidDeclaration(
            "when_closed",
            "wait",
            "has nothing to wait for: there is no window or start_at, and max_rollouts_per_subscription is 0",
            "declare a window or start_at, or leave it out",
        )
    if d.notify is not None and d.notify.reminders not in ((), Notify.reminders):
        raise InvalidDeclaration(
            "notify.reminders",
            [as_written(each) for each in d.notify.reminders],
            "remind of no start: without window or start_at a rollout begins at once",
            "declare a window or start_at, or leave reminders out",
        )


def _check_build_ahead(d: Declaration) -> None:
    def wrong(why: str, remedy: str) -> InvalidDeclaration:
        return InvalidDeclaration("build_ahead", as_written(d.build_ahead), why, remedy)

    if d.window is None and d.start_at is None:
        raise wrong("is ahead of no window", "declare a window or start_at, or leave build_ahead out")
    if d.build is Build.AFTER_DEALLOCATE:
        raise wrong("does not go with build: after_deallocate", "declare build: ahead, or leave build_ahead out")
    if d.build_ahead < SHORTEST_AHEAD:
        raise wrong("is too short to build a disk", 'write "PT10M" or more, such as "PT4H"')
