"""I10: a bad image stops the rollout early, and the canary goes alone."""

from __future__ import annotations

from simulation.invariants.evidence import Evidence, Found


def bad_image_is_stopped(e: Evidence) -> Found:
    """I10: in each attempt a bad image is attached to no more hosts than canary and max_unavailable together."""
    if not e.case.bad_image:
        return 0, []
    attempts: dict[int, set[str]] = {}
    for write in e.time.records:
        if write.attached and write.record is not None and write.record.p == "rejoin":
            attempts.setdefault(write.record.a, set()).add(write.host)
    most = e.declared.canary.hosts + e.max_unavailable
    allowed = most + e.declared.max_failed.of(e.case.hosts, at_least=0)
    return len(attempts) or 1, [
        f"attempt {attempt}: {len(hosts)} hosts got the bad image, {allowed} at most"
        for attempt, hosts in attempts.items()
        if len(hosts) > allowed
    ]


def canary_goes_alone(e: Evidence) -> Found:
    """I10: in the first attempt, nobody follows before the canary hosts have served for the bake time."""
    canary = e.declared.canary
    if any(deed.kind == "wipe_pool_tags" for _, deed in e.story.deeds):
        return 0, []  # what was known of the attempt is lost, and the next run has a canary of its own
    released: dict[str, float] = {}
    served: dict[str, float] = {}
    for write in e.time.records:
        if write.record is None or write.record.a != 1:
            continue
        if write.record.p == "release":
            released.setdefault(write.host, write.at)
        elif write.record.p in ("drain", "leave"):
            released.pop(write.host, None)  # somebody was back: it was not swapped
        elif write.record.p == "serve":
            served.setdefault(write.host, write.at)
    if not canary.hosts or len(released) <= canary.hosts:
        return 0, []
    first = sorted(released, key=lambda host: released[host])
    follower = released[first[canary.hosts]]
    baked = sorted(at for at in served.values())[: canary.hosts]
    if len(baked) < canary.hosts or follower < baked[-1] + canary.bake - 1:
        return 1, [f"{e.at(follower)}: {first[canary.hosts]} follows before the canary has baked"]
    return 1, []
