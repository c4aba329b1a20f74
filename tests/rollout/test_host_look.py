"""What a look reads: each part once, until our own write or time may have changed it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from rollout import names
from rollout.arm import SessionHost
from rollout.azure import Azure
from rollout.host_look import AT_REST, FRESH, HostLook
from rollout.observation import Host
from rollout.record import HostRecord, Phase
from rollout.steps import (
    Enter,
    HostView,
    LogOffUsers,
    MarkDisk,
    Memory,
    NoteHealthy,
    Part,
    RemoveExtension,
    SetAllowNewSession,
)
from simulation.virtual_time import virtually
from tests.rollout.literals import OLD, disk, goal, record, session, session_host, vm
from tests.support.observed import NOW, Body


@dataclass
class Reads:
    """A host whose reads are noted by name."""

    body: Body
    in_pool: Body | None
    users: int = 0
    now: float = NOW
    made: list[str] = field(default_factory=list)

    def azure_time(self) -> float:
        return self.now

    async def get_vm(self, vm_id: str, *, instance_view: bool = False) -> Body | None:
        temporary = "avdtmp" in vm_id
        self.made.append("temporary VM" if temporary else "VM")
        return None if temporary else self.body

    async def get_session_host(self, session_host_id: str) -> Body | None:
        self.made.append("session host")
        return self.in_pool

    async def list_user_sessions(self, session_host_id: str) -> list[Body]:
        self.made.append("sessions")
        return [session(number=n).body for n in range(self.users)]

    async def get_disk(self, disk_id: str) -> Body | None:
        self.made.append("old disk" if disk_id.endswith(OLD) else "new disk")
        return disk(OLD).body

    async def get_nic(self, nic_id: str) -> Body | None:
        self.made.append("NIC")
        return None

    def since(self) -> list[str]:
        """What was read since the last question, in order of names."""
        made, self.made = sorted(self.made), []
        return made


class Looking:
    """A host in a phase, looked at at will."""

    def __init__(self, phase: Phase, *, users: int = 0, **changes: Any) -> None:
        self.record: HostRecord = record(phase, **changes)
        self.machine = vm(tags={names.RECORD: self.record.encode()})
        self.azure = Reads(self.machine.body, session_host(allowNewSession=False).body, users)
        self.listed: tuple[SessionHost, float] | None = None
        self.memory = Memory()
        host = Host(self.machine, SessionHost(session_host().body), None, (), None)
        self.look = HostLook(cast(Azure, self.azure), host, None, {}, lambda vm: "/hosts/vm-0", lambda _: self.listed)

    def __call__(self, *, after: float = 0.0, **memory: Any) -> HostView:
        self.azure.now += after
        self.memory = replace(self.memory, **memory)
        seen = virtually(self.look.view(goal(), self.memory))
        assert seen is not None
        return seen


def test_what_was_read_a_moment_ago_is_not_read_again() -> None:
    looking = Looking(Phase.RELEASE)
    looking()
    assert looking.azure.since() == ["NIC", "VM", "new disk", "session host", "sessions", "temporary VM"]
    looking(after=FRESH - 1)
    assert looking.azure.since() == ["sessions"]
    looking(after=2)
    assert looking.azure.since() == ["VM", "new disk", "session host", "sessions"]  # nobody else makes temporary things


@pytest.mark.parametrize("phase", [Phase.RELEASE, Phase.UNDO])
def test_whoever_takes_a_host_out_lists_its_sessions_then_and_there(phase: Phase) -> None:
    looking = Looking(phase)
    looking()
    looking.azure.since()
    looking()
    assert "sessions" in looking.azure.since()


def test_an_empty_host_that_drains_is_listed_at_each_look_and_one_with_a_slot_too() -> None:
    looking = Looking(Phase.DRAIN)
    looking()
    looking.azure.since()
    looking()
    assert looking.azure.since() == ["sessions"]
    looking.azure.users = 2
    looking(may_release=True)
    looking(may_release=True)
    assert looking.azure.since() == ["sessions", "sessions"]


def test_sessions_of_a_draining_host_are_not_listed_again_while_the_pools_list_counts_as_many() -> None:
    looking = Looking(Phase.DRAIN, users=2)
    looking()
    looking.azure.since()
    looking.listed = session_host(sessions=2, allowNewSession=False), NOW + FRESH
    looking(after=FRESH + 1)
    assert looking.azure.since() == ["VM"]
    looking.listed = session_host(sessions=1, allowNewSession=False), NOW + 2 * FRESH
    looking(after=FRESH + 1)
    assert looking.azure.since() == ["VM", "sessions"]


def test_a_step_has_read_anew_what_it_may_have_changed() -> None:
    looking = Looking(Phase.DRAIN, users=1)
    looking()
    for step, read in (
        (SetAllowNewSession(False), ["session host"]),
        (RemoveExtension("x"), ["VM"]),
        (MarkDisk(disk(OLD), "old"), ["old disk"]),
        (LogOffUsers(()), ["sessions"]),
        (Enter(looking.record), ["VM", "old disk"]),
    ):
        looking.azure.since()
        looking.look.touched(step)
        looking()
        assert looking.azure.since() == read


def test_after_an_error_everything_is_read_anew() -> None:
    looking = Looking(Phase.DRAIN, users=1)
    looking()
    looking.azure.since()
    looking.look.forget()
    looking()
    assert looking.azure.since() == ["VM", "old disk", "session host", "sessions"]


def test_while_one_part_is_waited_for_nothing_else_is_read_and_then_what_is_old() -> None:
    looking = Looking(Phase.REJOIN)
    looking()
    looking.azure.since()
    for _ in range(3):
        looking.look.wait_for(Part.SESSION_HOST)
        looking(after=FRESH)
        assert looking.azure.since() == ["session host"]
    looking()
    assert looking.azure.since() == ["VM"]


def test_each_healthy_poll_is_a_look_of_its_own() -> None:
    looking = Looking(Phase.REJOIN)
    looking()
    looking.azure.since()
    looking.look.touched(NoteHealthy(True))
    looking()
    assert looking.azure.since() == ["session host"]


def test_a_list_of_the_pool_stands_for_the_record_of_a_host_that_serves_if_it_is_newer_than_our_write() -> None:
    looking = Looking(Phase.DRAIN, users=1)
    looking.listed = session_host(allowNewSession=False, sessions=1), NOW - 1
    assert looking().session_host is looking.listed[0]
    assert "session host" not in looking.azure.since()
    looking.look.touched(SetAllowNewSession(False))
    looking()
    assert looking.azure.since() == ["session host"]
    looking.listed = session_host(allowNewSession=True, sessions=1), NOW + 1
    assert looking(after=2).session_host is looking.listed[0]
    assert looking(may_release=True).session_host is not looking.listed[0]  # who takes it out asks for the host itself


def test_a_list_that_is_old_stands_for_nothing() -> None:
    looking = Looking(Phase.DRAIN, users=1)
    looking.listed = session_host(allowNewSession=False), NOW - FRESH - 1
    looking()
    assert "session host" in looking.azure.since()


def test_the_vm_is_not_read_at_each_step_of_a_build_but_before_the_drain_that_ends_it() -> None:
    looking = Looking(Phase.BUILD)
    looking()
    looking.azure.since()
    looking(after=AT_REST - 1)
    assert "VM" not in looking.azure.since()
    looking(may_drain=True)
    assert "VM" in looking.azure.since()


def test_users_are_asked_for_where_something_depends_on_them() -> None:
    serving = Looking(Phase.SERVE)
    assert serving().sessions is None
    assert Looking(Phase.SERVE, o=1)().sessions == ()
    assert Looking(Phase.REJOIN)().sessions is None
