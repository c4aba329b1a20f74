"""The lease by a clock of its own: a dead holder is waited for, a live one refused, and a lost lease stops writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from rollout import names
from rollout.azure import Azure
from rollout.errors import LeaseHeld, LeaseLost, Unreachable
from rollout.lease import LENGTH, MARGIN, SETTLE, Holder, Lease, decode

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
START = 1_000_000.0


@dataclass
class Time:
    """A clock that only moves when somebody waits; `at` are things that happen at a time."""

    now_at: float = START
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.now_at

    async def sleep(self, seconds: float) -> None:
        until = self.now_at + seconds
        for when, what in sorted([e for e in self.at if e[0] <= until], key=lambda e: e[0]):
            self.now_at = max(self.now_at, when)
            what()
        self.at = [e for e in self.at if e[0] > until]
        self.now_at = until

    def real_seconds(self, seconds: float) -> float:
        return seconds


@dataclass
class Tags:
    """A pool's tags; a write goes through the guard of the lease, as `LeasePolicy` has it."""

    time: Time
    tags: dict[str, str] = field(default_factory=dict)
    guard: Callable[[], None] | None = None
    fails: bool = False

    def azure_time(self) -> float:
        return self.time.now()

    async def get_tags(self, scope: str) -> dict[str, str]:
        return dict(self.tags)

    async def merge_tags(self, scope: str, tags: Mapping[str, str]) -> dict[str, str]:
        if self.guard is not None:
            self.guard()
        if self.fails:
            raise Unreachable(0, "", "no answer")
        self.tags |= tags
        return self.tags

    def holder(self) -> Holder:
        found = decode(self.tags.get(names.LEASE))
        assert found is not None
        return found

    def put(self, owner: str, fence: int, until: float) -> None:
        self.tags[names.LEASE] = Holder(owner, fence, until).encode()


def made(owner: str = "me") -> tuple[Lease, Tags, Time, Azure]:
    time = Time()
    tags = Tags(time)
    lease = Lease(POOL, owner, time)
    tags.guard = lease.check
    return lease, tags, time, cast(Azure, tags)


async def test_a_free_pool_is_taken_and_read_back_after_a_while() -> None:
    lease, tags, time, azure = made()
    await lease.acquire(azure)
    assert time.now() == START + SETTLE
    assert (lease.fence, lease.until, lease.held) == (1, START + LENGTH, True)
    assert tags.holder() == Holder("me", 1, START + LENGTH)
    lease.check()


async def test_nothing_may_be_written_before_the_lease_is_taken() -> None:
    lease, _, _, _ = made()
    with pytest.raises(LeaseLost):
        lease.check()


async def test_a_dead_holder_is_waited_for_and_its_fence_is_passed() -> None:
    lease, tags, time, azure = made()
    tags.put("dead", 6, START + 500)
    await lease.acquire(azure)
    assert START + 500 <= time.now() <= START + 500 + 15 + SETTLE
    assert lease.fence == 7


async def test_a_wiped_tag_does_not_begin_below_what_hosts_were_claimed_with() -> None:
    lease, _, _, azure = made()
    await lease.acquire(azure, above=41)
    assert lease.fence == 42


async def test_a_holder_that_renews_is_refused_at_once_and_named() -> None:
    lease, tags, time, azure = made()
    tags.put("them@runner", 6, START + 500)
    time.at.append((START + 100, lambda: tags.put("them@runner", 6, START + 700)))
    with pytest.raises(LeaseHeld, match="them@runner") as raised:
        await lease.acquire(azure)
    assert "hostpool" in str(raised.value) and time.now() <= START + 120
    assert tags.holder().owner == "them@runner"


async def test_somebody_who_took_it_while_the_dead_one_was_waited_for_has_it() -> None:
    lease, tags, time, azure = made()
    tags.put("dead", 6, START + 100)
    time.at.append((START + 90, lambda: tags.put("quicker", 7, START + 690)))
    with pytest.raises(LeaseHeld, match="quicker"):
        await lease.acquire(azure)


async def test_of_two_who_write_at_once_the_later_one_has_it() -> None:
    lease, tags, time, azure = made()
    time.at.append((START + 10, lambda: tags.put("later", 1, START + 610)))
    with pytest.raises(LeaseHeld, match="later"):
        await lease.acquire(azure)
    assert not lease.held
    with pytest.raises(LeaseLost):
        lease.check()


async def test_an_ended_lease_and_ones_own_are_taken_without_waiting() -> None:
    for owner, until in (("nobody", START), ("me", START + 500)):
        lease, tags, time, azure = made()
        tags.put(owner, 3, until)
        await lease.acquire(azure)
        assert (time.now(), lease.fence) == (START + SETTLE, 4)


async def test_no_write_in_the_last_seconds() -> None:
    lease, _, time, azure = made()
    await lease.acquire(azure)
    time.now_at = START + LENGTH - MARGIN
    lease.check()
    time.now_at += 0.1
    with pytest.raises(LeaseLost, match="pulumi up"):
        lease.check()
    with pytest.raises(LeaseLost):
        await lease.renew()


async def test_renewing_moves_the_end_and_keeps_the_fence() -> None:
    lease, tags, time, azure = made()
    await lease.acquire(azure)
    time.now_at = START + 300
    await lease.renew()
    assert tags.holder() == Holder("me", 1, START + 300 + LENGTH)
    assert lease.until == START + 300 + LENGTH


async def test_a_renewal_that_was_not_answered_moves_nothing() -> None:
    lease, tags, time, azure = made()
    await lease.acquire(azure)
    time.now_at, tags.fails = START + 300, True
    with pytest.raises(Unreachable):
        await lease.renew()
    assert lease.until == START + LENGTH


@pytest.mark.parametrize("other", [Holder("them", 2, START + 900), Holder("me", 2, START + 900), None])
async def test_a_lease_that_is_anothers_stops_every_write(other: Holder | None) -> None:
    lease, tags, _, azure = made()
    await lease.acquire(azure)
    lease.see(await azure.get_tags(POOL))
    with pytest.raises(LeaseLost, match="was taken by"):
        lease.see({names.LEASE: other.encode()} if other else {})
    with pytest.raises(LeaseLost):
        lease.check()
    before = dict(tags.tags)
    await lease.release()
    assert tags.tags == before


async def test_releasing_lets_the_next_one_in_with_a_higher_fence() -> None:
    lease, tags, time, azure = made()
    await lease.acquire(azure)
    await lease.release()
    assert tags.holder() == Holder("nobody", 1, time.now()) and not lease.held
    with pytest.raises(LeaseLost):
        lease.check()
    second = Lease(POOL, "second", time)
    tags.guard = second.check
    await second.acquire(azure)
    assert second.fence == 2


@pytest.mark.parametrize("text", [None, "", "owner=me", "owner=me;fence=x;until=1", "text"])
async def test_a_tag_that_is_no_lease_holds_nobody_up(text: str | None) -> None:
    lease, tags, _, azure = made()
    if text is not None:
        tags.tags[names.LEASE] = text
    await lease.acquire(azure)
    assert lease.fence == 1


async def test_an_owner_with_separators_in_its_name_is_read_back() -> None:
    lease, tags, _, azure = made("ci;run=7@" + "m" * 200)
    await lease.acquire(azure)
    assert tags.holder().owner == lease.owner and len(tags.tags[names.LEASE]) <= 256
