"""What is told of an upgrade: the events of `rollout.events`, so that the live line, the log and the report of a host
pool do for a scale set as well. An instance is a host there; an instance in its batch is out of service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from os_upgrades.progress import Upgrade
from os_upgrades.upgrade_look import Member, Seen
from rollout.events import Event, Kind, Listener
from rollout.names import digest

RELEASE, REJOIN, UNDO = "release", "rejoin", "undo"
"""Phases of an instance in its batch, by the names that host pools have for them: on its way to the new disk, on it,
and on its way back."""


@dataclass
class Told:
    """What was told so far of the instances that needed the upgrade."""

    listener: Listener
    now: Callable[[], float]
    goal: str
    """The version that they are brought to."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Instances that need it, by id, with their phase; empty for one that was not begun."""
    out_since: dict[str, float] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    """Instances that were seen on the goal."""
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """By id, with the result: `failed` or `rolled-back`."""

    def tell(self, what: Kind, text: str = "", instance: str = "", **data: Any) -> None:
        self.listener(Event(self.now(), what, instance, text, data))

    def start(
        self, kind: str, resource_id: str, image_id: str, behind: Sequence[Member], owner: str, *, resumed: bool
    ) -> None:
        """The run begins, or goes on with an upgrade that is under way. `kind`: what it is that is upgraded."""
        self.waiting = {member.id: "" for member in behind}
        self.tell(
            Kind.STARTED,
            rollout=rollout_of(resource_id, self.goal),
            attempt=1,
            resumed=resumed,
            of=len(behind),
            image=image_id,
            version=self.goal,
            hosts=[member.name for member in behind],
            from_versions={member.name: member.version for member in behind},
            pool=resource_id,
            owner=owner,
            time_zone="UTC",
            kind=kind,
        )

    def show(self, members: Iterable[Member], floor: int) -> None:
        """Tell what has changed since the instances were shown last."""
        listed = list(members)
        for member in listed:
            if member.id in self.waiting and member.id not in self.done:
                self._show(member)
        good = sum(member.good for member in listed)
        self.tell(
            Kind.CAPACITY,
            hosts=len(listed),
            serving=good,
            draining=0,
            unavailable=len(listed) - good,
            off=0,
            sessions=0,
            floor=floor,
        )

    def _show(self, member: Member) -> None:
        on_goal = member.version == self.goal
        if on_goal:
            self.reached.add(member.id)
        if on_goal and member.good:
            self.done.add(member.id)
            self.failed.pop(member.id, None)
            began = self.out_since.get(member.id)
            outage = self.now() - began if began is not None else None
            self.tell(Kind.HOST_DONE, instance=member.name, image=self.goal, outage=outage)
        elif member.state == "Failed":
            self._fail(member, "failed")
        elif on_goal:
            self._enter(member, REJOIN)
        elif member.id in self.reached or (self.waiting[member.id] and member.state == "Succeeded"):
            self._enter(member, "" if member.good else UNDO)
            if member.good:
                self._fail(member, "rolled-back")
        elif member.state in ("Updating", "Creating"):
            self._enter(member, RELEASE)
        else:
            self._enter(member, "")

    def _enter(self, member: Member, phase: str) -> None:
        if self.waiting[member.id] == phase:
            return
        before, self.waiting[member.id] = self.waiting[member.id], phase
        if phase:
            self.out_since.setdefault(member.id, self.now())
        self.tell(Kind.PHASE, instance=member.name, phase=phase, **{"from": before})

    def _fail(self, member: Member, result: str, why: str = "") -> None:
        """`failed`: it is broken; `rolled-back`: it is well on its former disk, though it was in a batch."""
        if self.failed.get(member.id) == result:
            return
        self.failed[member.id] = result
        reason = why or member.why or "Azure does not say why"
        self.tell(Kind.HOST_FAILED, reason, member.name, result=result, evidence=_evidence(member))

    def close(self, status: str, text: str, versions: Mapping[str, Sequence[str]], duration: float) -> None:
        """The run ends."""
        rolled = sum(result == "rolled-back" for result in self.failed.values())
        counts = {"hosts": len(self.waiting), "updated": len(self.done), "rolled_back": rolled}
        counts |= {"failed": len(self.failed) - rolled, "left": len(self.waiting) - len(self.done) - len(self.failed)}
        hosts = {version: list(names) for version, names in versions.items()}
        self.tell(Kind.ENDED, text, status=status, hosts=hosts, users={}, counts=counts, duration=duration)

    def end(self, members: Iterable[Member], upgrade: Upgrade | None) -> None:
        """What Azure says in the end of instances that were not brought to the goal."""
        reasons = reasons_of(upgrade)
        restored = upgrade is not None and upgrade.restored > 0
        for member in members:
            if member.id in self.waiting and member.id not in self.done and member.id in reasons:
                back = member.version != self.goal and (restored or member.good)
                self._fail(member, "rolled-back" if back else "failed", reasons[member.id])


def reasons_of(upgrade: Upgrade | None) -> dict[str, str]:
    """By instance id, what the error of an upgrade says of it."""
    problem = upgrade.problem if upgrade is not None else None
    details = problem.details if problem is not None else ()
    return {each.instance_id: f"{each.code}: {' '.join(each.message.split()).rstrip('.')}" for each in details}


def failures(seen: Seen) -> dict[str, str]:
    """By name, why instances are bad or were not upgraded: what Azure's error says, and their own instance views."""
    reasons = reasons_of(seen.upgrade)
    found: dict[str, str] = {}
    for member in seen.members:
        texts = dict.fromkeys(text for text in (reasons.get(member.id, ""), member.why) if text)
        if texts:
            found[member.name] = "; ".join(texts)
    return found


def rollout_of(scale_set_id: str, version: str) -> str:
    """Names the upgrade of a scale set to a version, in logs and reports: whoever watches it again writes to the same
    log."""
    return digest(f"{scale_set_id.lower()} {version}", length=8)


def _evidence(member: Member) -> Mapping[str, str]:
    told = {"version": member.version, "provisioning_state": member.state, "health": member.health, "says": member.why}
    return {name: text for name, text in told.items() if text}
