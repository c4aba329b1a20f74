"""Close: a host whose turn has not come takes no new sessions any more, and takes them again where they are needed.

Its users are not told, and stay as long as they like: what is due to them begins with the drain. The record is written
before the flag goes off, and after it is on again, so that whoever comes after a crash knows whose doing it is.
"""

from __future__ import annotations

from rollout.record import HostRecord
from rollout.steps import Enter, Goal, HostView, Part, SetAllowNewSession, Step, Wait


def next_step(view: HostView, goal: Goal, record: HostRecord) -> Step | None:
    """The next step of a waiting host towards being closed, or open, as the scheduler says; None when it is so. A host
    that was found draining stays as it is, and one that is protected is open."""
    host, wanted = view.session_host, view.memory.closed
    if wanted is None or host is None or record.found_draining:
        return None
    closed = wanted and not goal.declaration.protection.of(view.vm)
    if closed and not record.closed:
        return _note(view, _closed(view, goal, record))
    if record.closed and host.allow_new_session is closed:
        return SetAllowNewSession(not closed)
    if record.closed and not closed:
        opened = record.to(record.p, record.s, h=2, x=0)
        return _note(view, Enter(opened, exclusion_tag=False if record.x else None))
    return None


def _closed(view: HostView, goal: Goal, record: HostRecord) -> Enter:
    """With autoscale kept off the host: it would open it again."""
    tag = goal.exclusion_tag
    ours = tag is not None and tag not in view.vm.tags
    entered = record.to(record.p, record.s, h=1, x=1 if ours else record.x)
    return Enter(entered, exclusion_tag=True if tag else None)


def _note(view: HostView, enter: Enter) -> Step:
    return Wait("an operation on the VM to end", 10.0, of=Part.VM) if view.vm.changing else enter
