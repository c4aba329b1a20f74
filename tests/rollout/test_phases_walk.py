"""A modelled host walks through its phases whatever goes wrong: it always comes to an end, and never to a lost host."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.record import Phase
from tests.rollout.literals import NEW, OLD, goal
from tests.rollout.modelled import Modelled

STEPS = 1500
"""More than any way needs: with one drain deadline, two builds and a way back it is some hundreds."""
MOST_CRASHES = 10


def walk(seed: int, badness: float, *, off: bool = False, crash: float = 0.0, log_off: str = "force") -> Modelled:
    """One host until it ends, with everything that may go wrong doing so at `badness`."""
    luck = random.Random(seed)
    host = Modelled(goal(drain={"log_off": log_off}), lambda what: luck.random() < badness, off=off)
    run(host, luck, crash)
    return host


def run(host: Modelled, luck: random.Random, crash: float = 0.0) -> None:
    crashes = 0
    for _ in range(STEPS):
        if host.ended:
            return
        host.step()
        if luck.random() < crash and not host.ended and crashes < MOST_CRASHES:
            crashes += 1
            host.crash()
    raise AssertionError(f"no end after {STEPS} steps: {host.walked[-8:]}, {host.phase}")


def wrong(host: Modelled) -> list[str]:
    """What breaks I2 and I3 for one host: it serves as found, or is reported; what was built for it is gone."""
    left = host.temporary is not None or host.nic or (host.attached == OLD and NEW in host.disks)
    if host.phase is Phase.FAILED:
        broken = {
            "a failed host takes users": host.in_pool and host.allow,
            "nobody is told why it failed": host.record is None or not host.record.w,
        }
    else:
        broken = {
            "a host that is done takes no users": not (host.in_pool and host.allow),
            "its disk has not joined": host.attached not in host.joined,
            "it is not on or off as it was found": (host.power == "running") is host.off,
            "what was built for it is left over": left,
            "its disk is marked as another's": host.disks.get(host.attached, "") not in ("", "ready"),
        }
    broken["the way back is not marked"] = host.attached != OLD and host.disks.get(OLD) != "old"
    return [what for what, is_so in broken.items() if is_so]


@given(st.integers(), st.booleans())
@settings(max_examples=60)
def test_without_trouble_every_host_ends_on_the_new_disk(seed: int, off: bool) -> None:
    host = walk(seed, 0.0, off=off)
    assert (host.phase, host.attached) == (None, NEW)
    assert wrong(host) == []
    assert host.walked == [Phase.BUILD, Phase.DRAIN, Phase.RELEASE, Phase.REJOIN, Phase.SERVE, None]


@given(st.integers(), st.floats(0.05, 0.6), st.booleans(), st.sampled_from(["wait", "disconnected_only", "force"]))
@settings(max_examples=150)
def test_whatever_goes_wrong_it_ends_and_serves_or_is_reported(
    seed: int, badness: float, off: bool, log_off: str
) -> None:
    assert wrong(walk(seed, badness, off=off, log_off=log_off)) == []


@given(st.integers(), st.floats(0.0, 0.4), st.floats(0.01, 0.3))
@settings(max_examples=150)
def test_crashes_in_between_change_nothing_of_that(seed: int, badness: float, crash: float) -> None:
    assert wrong(walk(seed, badness, crash=crash)) == []


@given(st.integers(), st.floats(0.2, 0.8))
@settings(max_examples=80)
def test_later_attempts_bring_every_host_home(seed: int, badness: float) -> None:
    """However it failed before: an attempt without trouble ends on the new disk."""
    host = walk(seed, badness)
    for attempt in (2, 3):
        luck = random.Random(seed + attempt)
        trouble = badness if attempt == 2 else 0.0
        if host.phase is None and host.attached == NEW:
            return
        host.ended, host.failure = False, None
        host.goal = goal(attempt=attempt, drain={"log_off": "force"})
        host.chance = lambda what, luck=luck, trouble=trouble: luck.random() < trouble  # type: ignore[misc]
        host.crash()
        run(host, luck)
        assert wrong(host) == []
    assert (host.phase, host.attached) == (None, NEW)


def test_every_phase_is_walked_through() -> None:
    seen: set[Phase | None] = set()
    for seed in range(150):
        seen |= set(walk(seed, 0.35).walked)
    assert seen == {None, *Phase}
