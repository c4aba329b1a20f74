"""What comes next for a host, phase by phase: one pure function per phase, `next_step(view, goal) -> Step`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rollout.phases import build, drain, leave, rejoin, release, serve, undo
from rollout.record import BEFORE, ENDED, HostRecord, Phase
from rollout.steps import Done, Enter, Goal, HostView, Step, Wait


def next_step(view: HostView, goal: Goal) -> Step:
    """The next step of a host, whatever phase its record says it is in."""
    record = view.record
    if record is None or record.p in ENDED or (record.r, record.f) != (goal.rollout, goal.fence):
        return claim(view, goal)
    if _needs_exclusion(view, goal, record):
        return Enter(record.to(record.p, record.s, x=1), exclusion_tag=True)
    match record.p:
        case Phase.BUILD:
            return build.next_step(view, goal, record)
        case Phase.DRAIN:
            return drain.next_step(view, goal, record)
        case Phase.RELEASE:
            return release.next_step(view, goal, record)
        case Phase.REJOIN:
            return rejoin.next_step(view, goal, record)
        case Phase.SERVE:
            return serve.next_step(view, goal, record)
        case Phase.UNDO | Phase.UNDO_REJOIN | Phase.UNDO_SERVE:
            return undo.next_step(view, goal, record)
        case Phase.LEAVE:
            return leave.next_step(view, goal, record)
        case Phase.ROLLED_BACK | Phase.FAILED:
            return Done()


def _needs_exclusion(view: HostView, goal: Goal, record: HostRecord) -> bool:
    """Autoscale was switched on in the middle of the work: it would undo the drain, or start and stop the host."""
    working = record.p not in (Phase.BUILD, Phase.LEAVE, Phase.SERVE, Phase.UNDO_SERVE)
    working = working or (record.p is Phase.BUILD and record.closed)
    return working and goal.exclusion_tag is not None and goal.exclusion_tag not in view.vm.tags and not view.vm.busy


def claim(view: HostView, goal: Goal) -> Step:
    """The write that precedes everything else done to a host: the record with our fencing number, conditionally.

    A record of this rollout keeps its phase (a crash is resumed); one of another rollout keeps what it says of how the
    host was found, and its phase where the host is out of service already. A host that was rolled back was given back
    as found, so it is looked at anew; one that failed was not. One that an interrupted run was leaving is worked on
    again, unless it leaves because it failed. A drain flag found while autoscale works on the pool is autoscale's own,
    so the host is given back undrained.

    An operation that a crash left under way ends first: the claim is a write of the VM and would preempt an extension
    (recording compute-vm-extension-failed-concurrent-vm-update).
    """
    if view.vm.changing:
        return Wait("an operation on the VM to end", 10.0)
    was, found = view.record, view.session_host
    kept = view.new_disk_name if view.new_disk is not None and not view.build_key else ""
    if was is None or was.p is Phase.ROLLED_BACK:
        record = HostRecord(
            r=goal.rollout,
            a=goal.attempt,
            f=goal.fence,
            p=Phase.BUILD,
            s=int(view.now),
            d=view.attached,
            k=kept,
            n=0 if found is not None and not found.allow_new_session and goal.exclusion_tag is None else 1,
            o=1 if view.vm.off else 0,
            e=1 if view.vm.os_disk.get("deleteOption") == "Delete" else 0,
        )
        return Enter(record, friendly_name=found.friendly_name if found is not None else None)
    if was.p is Phase.FAILED:
        why = f"{BEFORE}{was.w.removeprefix(BEFORE)}" if was.w else ""
        return Enter(_anew(was, view, goal, Phase.BUILD, k=kept, b=1, w=why))
    if was.r != goal.rollout and was.p in (Phase.BUILD, Phase.DRAIN, Phase.LEAVE, Phase.RELEASE):
        # Its disk is not the one that is wanted now; a host that is out of the pool already goes on from there.
        phase = Phase.RELEASE if was.p is Phase.RELEASE else Phase.BUILD
        return Enter(_anew(was, view, goal, phase, k="", w=was.w if was.b else ""))
    if was.p is Phase.LEAVE and not was.failing:
        return Enter(_anew(was, view, goal, Phase.BUILD))
    return Enter(replace(was, r=goal.rollout, f=goal.fence, d=was.d or view.attached))


def _anew(was: HostRecord, view: HostView, goal: Goal, phase: Phase, **changes: Any) -> HostRecord:
    """A record that begins again, with what the former one says of how the host was found."""
    return replace(
        was,
        r=goal.rollout,
        a=goal.attempt,
        f=goal.fence,
        p=phase,
        s=int(view.now),
        d=was.d or view.attached,
        q=0,
        **changes,
    )
