"""What people do to a schedule: move it, skip its next window, cancel it. Each takes the lease, so that it does not
cross a start, and is announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rollout import history, hold, names, pool_record, schedule
from rollout.azure import Azure
from rollout.clock import iso
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration, PreCheckFailed
from rollout.events import Event, Kind, Listener
from rollout.hold import Hold
from rollout.lease import Lease
from rollout.pool_record import State
from rollout.schedule import FARTHEST
from rollout.values import moment

Change = Callable[[Declaration, Hold, float], Hold | None]
"""From declaration, hold and now (epoch seconds) to the new hold, None for a cancelled one. Raises RolloutError."""


@dataclass(frozen=True)
class Scheduled:
    """What holds a pool, and the declaration that it will run."""

    held: Hold
    declared: Declaration


async def change(
    azure: Azure, found: Scheduled, lease: Lease, what: str, wanted: Change, tell: Listener, at: float
) -> str:
    """Change the schedule that was found, and announce it; returns the announcement. `at`: the clock's time.

    Raises LeaseHeld while somebody is at work, PreCheckFailed where the schedule is another one by now, or cannot be
    cancelled.
    """
    declared, held, pool_id = found.declared, found.held, found.declared.host_pool_id
    await lease.acquire(azure)
    try:
        tags, now = await azure.get_tags(pool_id), azure.azure_time()
        if hold.of(tags) != held:
            raise PreCheckFailed(f"pool {declared.pool_name}: its schedule was changed meanwhile; look again")
        anew = wanted(declared, held, now)
        ended = hold.ended(tags) | _ended(declared, held, tags, now)
        merged = await azure.merge_tags(pool_id, {names.SCHEDULE: anew.encode()} if anew is not None else ended)
        dead = hold.leftovers(merged)
        if dead:
            await azure.delete_tags(pool_id, dead)
    finally:
        await lease.release()
    text = f"{held.to}, scheduled for {schedule.told(declared, held.at)}, was {what} by {lease.owner}"
    if anew is not None:
        text += f": it begins {schedule.told(declared, anew.at)}"
    elif names.RECORD in ended:
        text += ": hosts that run it keep it"
    data: dict[str, Any] = {"what": what, **hold.about(held, tags), "owner": lease.owner}
    tell(Event(at, Kind.SCHEDULE_CHANGED, text=text, data=data))
    return text


def _ended(declared: Declaration, held: Hold, tags: dict[str, str], now: float) -> dict[str, str]:
    """The tags that end an attempt which was to go on in a further window; none for one that has not begun."""
    record = pool_record.decode(tags.get(names.RECORD))
    if record is None or not record.resumable or record.r != held.r or tags.get(hold.COUNT):
        return {}
    if record.st is State.RUNNING:
        raise PreCheckFailed(
            f"pool {declared.pool_name}: a run of {held.to} died in the middle; let hostpool tick or pulumi up bring "
            "its hosts home, then cancel"
        )
    ended = {names.RECORD: replace(record, st=State.STOPPED, u=int(now)).encode()}
    newest = next((each for each in history.read(tags.get(names.HISTORY)) if each.attempt == record.a), None)
    if newest is not None:
        told = replace(newest, state=State.STOPPED, ended=int(now))
        ended[names.HISTORY] = history.written(tags[names.HISTORY], told)
    return ended


def move_to(given: str, by: str) -> Change:
    """To a time: ISO 8601 with its offset, or `2026-12-05 22:00` in the pool's zone."""

    def change(declared: Declaration, held: Hold, now: float) -> Hold:
        at = _time(declared, given)
        if not now < at <= max(held.at, now) + FARTHEST:
            raise InvalidDeclaration(
                "time",
                given,
                "is over" if at <= now else "is more than 14 days after the time that it moves",
                f"write one between now and {iso(max(held.at, now) + FARTHEST)}",
            )
        return held.to_begin(at, now, by)

    return change


def skip(by: str) -> Change:
    """To the window after the next one."""

    def change(declared: Declaration, held: Hold, now: float) -> Hold:
        moved = held.at if held.m else None
        following = schedule.next_opening(declared, max(held.at, now), moved)
        if following is None:
            raise InvalidDeclaration(
                "start_at", iso(held.at), "has no window after it", "use hostpool schedule move, or cancel"
            )
        return held.to_begin(following.start, now, by)

    return change


def cancel() -> Change:
    """To none. The next `pulumi up` of the same declaration schedules it anew, or begins another attempt."""
    return lambda declared, held, now: None


def _time(declared: Declaration, given: str) -> float:
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"):
        try:
            local = datetime.strptime(given.strip(), form)
        except ValueError:
            continue
        if declared.window is None and declared.time_zone is None:
            break  # whose zone?
        return local.replace(tzinfo=ZoneInfo(declared.zone)).timestamp()
    return moment("time", given)
