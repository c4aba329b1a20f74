"""Serve: the host is healthy on its new disk and goes back to its users; what the work left on it is removed after.

The join and agent extensions are inert once they ran, and only have to be off the VM before it next stops, so they are
removed while the host serves again: that shortens the outage by two extension removals.
"""

from __future__ import annotations

from rollout.names import DISK_IMAGE, DISK_STATE, FRIENDLY_NAME
from rollout.record import HostRecord
from rollout.steps import (
    Deallocate,
    Enter,
    Fail,
    Goal,
    HostView,
    MarkDisk,
    Part,
    Register,
    RemoveExtension,
    RemoveRunCommands,
    SetAllowNewSession,
    Step,
    Wait,
)

RECORD_PATIENCE = 3600.0
"""Seconds without a session-host record after which somebody else must have deleted it."""


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step:
    """SERVE: flags as found, leftovers off, power as found, then no record."""
    given = give_back(view, record)
    if given is not None:
        return given
    disk = view.new_disk
    if disk is not None and disk.tags.get(DISK_STATE) == "old":
        # A kept disk came back: it is nobody's old disk any more.
        return MarkDisk(disk, "", image=disk.tags.get(DISK_IMAGE))
    return Enter(
        None,
        exclusion_tag=False if record.x else None,
        delete_option="Delete" if record.e else None,
        friendly_name="",
    )


def give_back(view: HostView, record: HostRecord) -> Step | None:
    """The next step towards the host as it was found, save its disk; None when it is so."""
    host = view.session_host
    if host is None:
        return _without_record(view, record)
    if record.found_off:
        return _off_again(view, record)
    wanted = not record.found_draining
    if host.allow_new_session != wanted or _name_lost(view):
        return SetAllowNewSession(wanted, friendly_name=kept_name(view))
    return _remove(view)


def _without_record(view: HostView, record: HostRecord) -> Step:
    """Nobody can log on to a host without a record, and its agent believes itself registered."""
    if view.now > record.s + RECORD_PATIENCE:
        return Fail("healthy, but its session-host record was deleted meanwhile; rebuild the host")
    if view.vm.running and view.vm.agent_ready and not view.vm.busy and not view.memory.repaired:
        return Register()
    return Wait("its session-host record", 10.0, of=Part.SESSION_HOST)


def kept_name(view: HostView) -> str | None:
    """The friendlyName the record lost when it was deleted; it is in a tag of the VM."""
    return view.vm.tags.get(FRIENDLY_NAME) or None


def _name_lost(view: HostView) -> bool:
    name = kept_name(view)
    return name is not None and view.session_host is not None and view.session_host.friendly_name != name


def commands_step(view: HostView) -> Step | None:
    """What a crash may have left on a VM that runs: only then can it be removed."""
    left = view.resumed and not view.memory.commands_removed and view.vm.running and not view.vm.busy
    return RemoveRunCommands() if left else None


def _remove(view: HostView) -> Step | None:
    commands = commands_step(view)
    if commands is not None:
        return commands
    if not view.removable or view.vm.off:
        # Switched off meanwhile: what ran on this disk does not run on it again, and the next swap removes it.
        return None
    if view.vm.busy or not view.vm.running:
        return Wait("an operation on the VM to end", 15.0, of=Part.VM)
    return RemoveExtension(view.removable[0].name)


def _off_again(view: HostView, record: HostRecord) -> Step | None:
    """A host found off goes off again, drained until it is off (Start VM on Connect may fill it)."""
    host = view.session_host
    assert host is not None
    if view.vm.running:
        removing = _remove(view)
        if removing is not None:
            return removing
        if view.sessions:
            return Wait(f"{len(view.sessions)} session(s) before it goes off again", 60.0, of=Part.SESSIONS)
        return Deallocate()
    if not view.vm.off:
        return Wait(f"VM is {view.vm.power}", 10.0, of=Part.VM)
    wanted = not record.found_draining
    if host.allow_new_session != wanted or _name_lost(view):
        return SetAllowNewSession(wanted, friendly_name=kept_name(view))
    return None
