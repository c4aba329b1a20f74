"""What comes next for a host, phase by phase: one pure function per phase, `next_step(view, goal) -> Step`."""

from __future__ import annotations

from rollout.phases import build, drain, leave, rejoin, release, serve, undo
from rollout.record import ENDED, HostRecord, Phase
from rollout.steps import Done, Enter, Goal, HostView, Step


def next_step(view: HostView, goal: Goal) -> Step:
    """The next step of a host, whatever phase its record says it is in."""
    record = view.record
    if record is None or record.p in ENDED or (record.r, record.f) != (goal.rollout, goal.fence):
        return claim(view, goal)
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


def claim(view: HostView, goal: Goal) -> Step:
    """The write that precedes everything else done to a host: the record with our fencing number, conditionally.

    A record of this rollout keeps its phase (a crash is resumed); one of another rollout keeps what it says of how the
    host was found, and its phase where the host is out of service already. A drain flag found while autoscale works on
    the pool is autoscale's own, so the host is given back undrained.
    """
    was, found = view.record, view.session_host
    on_new_disk = was is not None and bool(was.d) and was.d != view.attached
    if was is None:
        record = HostRecord(
            r=goal.rollout,
            a=goal.attempt,
            f=goal.fence,
            p=Phase.BUILD,
            s=int(view.now),
            d=view.attached,
            k=view.new_disk_name if view.new_disk is not None and not view.build_key else "",
            n=0 if found is not None and not found.allow_new_session and goal.exclusion_tag is None else 1,
            o=1 if view.vm.off else 0,
            e=1 if view.vm.os_disk.get("deleteOption") == "Delete" else 0,
        )
        return Enter(record, friendly_name=found.friendly_name if found is not None else None)
    phase = was.p
    if was.r != goal.rollout and phase in (Phase.BUILD, Phase.DRAIN, Phase.LEAVE):
        phase = Phase.BUILD
    if phase in ENDED:
        phase = Phase.BUILD
    attempt = was.a if phase not in (Phase.BUILD, Phase.DRAIN, Phase.RELEASE) or was.r == goal.rollout else goal.attempt
    fresh = was.p in ENDED or (was.r != goal.rollout and not on_new_disk)
    return Enter(
        HostRecord(
            r=goal.rollout,
            a=goal.attempt if fresh else attempt,
            f=goal.fence,
            p=phase,
            s=int(view.now) if fresh else was.s,
            d=was.d or view.attached,
            k="" if fresh else was.k,
            n=was.n,
            o=was.o,
            x=was.x,
            e=was.e,
            z=was.z,
            w="" if fresh else was.w,
        )
    )
