"""Whole rollouts with people on the hosts: what they are told and when, how they leave, and how that is counted.

What is asserted of them is the emulator's own record of sessions.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from emulator import capacity
from emulator.desktopvirtualization.broker import Session, begin_session, broker_of, end_session, report
from rollout.clock import from_iso
from rollout.events import Kind
from rollout.report import build
from simulation.process import Died, Process
from simulation.virtual_time import virtually
from tests.support.pools import POOL, Bench, bench

DRAIN: dict[str, Any] = {
    "deadline": "PT40M",
    "log_off": "force",
    "grace": "PT10M",
    "message": "first, by {time_utc}",
    "reminders": [{"before": "PT20M", "text": "still {minutes}"}, {"before": "PT2M", "text": "last {minutes}"}],
    "final_message": "final {minutes}",
}
ALONE: dict[str, Any] = {"include": ["vm-0"], "canary": {"hosts": 0.0}}


def record_id(host: str) -> str:
    return f"{POOL}/sessionHosts/{host}.contoso.com".lower()


def sign_in(made: Bench, user: str, host: str = "vm-0", *, state: str = "Active") -> Session:
    """A user who stays until somebody ends the session."""
    world = made.emulator.world
    session = begin_session(world, broker_of(world, POOL), record_id(host), user, state=state)
    report(world, broker_of(world, POOL), session, "logon")
    if state == "Disconnected":
        report(world, broker_of(world, POOL), session, "disconnect")
    capacity.pool_changed(world, POOL)
    return session


def turn(made: Bench, session: Session, state: str) -> None:
    """Back to a session, or away from it."""
    made.emulator.world.advance(made.clock.now())
    session.state = state
    event = "logon" if state == "Active" else "disconnect"
    report(made.emulator.world, broker_of(made.emulator.world, POOL), session, event)


def sign_out(made: Bench, session: Session) -> None:
    world = made.emulator.world
    world.advance(made.clock.now())
    report(world, broker_of(world, POOL), session, "logoff")
    end_session(world, broker_of(world, POOL), session)
    capacity.pool_changed(world, POOL)


def happened(made: Bench, user: str) -> list[tuple[float, str]]:
    """(epoch second, event) of one user, messages by their text."""
    events = made.control("GET", "session-events", hostPool=POOL)["events"]
    return [
        (from_iso(e["time"]), e["text"].removeprefix("Maintenance: ") if e["event"] == "message" else e["event"])
        for e in events
        if e["user"] == user
    ]


def test_messages_come_at_their_times_and_each_once(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        sign_in(made, "ann")
        outcome = await made.roll(**ALONE, drain=DRAIN)
        assert outcome.status == "complete", outcome.summary
        events = happened(made, "ann")
        texts = [text for _, text in events]
        assert texts[1:] == [texts[1], "still 20", "final 10", "last 2", "forced_logoff"]
        first, still, final, last, off = (at for at, _ in events[1:])
        # Looks are not to the second: the pool is listed once a minute.
        assert abs(still - first - 1200) < 60 and abs(final - first - 1800) < 60
        assert abs(last - final - 480) < 60 and 600 <= off - final < 700
        assert outcome.users == {
            "messaged": 1, "signed_out": 0, "disconnected_ended": 0, "logged_off": 1, "came_back": 0, "cut_off": 0,
            "moved_twice": 0,
        }  # fmt: skip

    virtually(story())


def test_a_crash_repeats_no_message_that_was_noted(tmp_path: Path) -> None:
    """The process dies after the first reminder; the next one goes on with the final message."""

    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        sign_in(made, "ann")
        process = Process("first@runner")
        work = asyncio.ensure_future(made.roll(process=process, **ALONE, drain=DRAIN))
        while "still 20" not in [text for _, text in happened(made, "ann")]:
            await made.clock.sleep(20)
        await made.clock.sleep(20)
        process.die("killed by the test")
        try:
            await work
        except Died:
            pass
        outcome = await made.roll(owner="second@runner", **ALONE, drain=DRAIN)
        assert outcome.status == "complete", outcome.summary
        texts = [text for _, text in happened(made, "ann")]
        assert texts[2:] == ["still 20", "final 10", "last 2", "forced_logoff"]

    virtually(story())


def test_a_disconnected_session_is_ended_after_its_time_and_one_that_is_taken_up_again_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        away, back = sign_in(made, "away", state="Disconnected"), sign_in(made, "back", state="Disconnected")
        drain = {"deadline": "PT2H", "log_off": "wait", "end_disconnected_after": "PT15M"}
        work = asyncio.ensure_future(made.roll(**ALONE, drain=drain))
        while not happened(made, "back")[2:]:
            await made.clock.sleep(30)
        told_at = happened(made, "back")[2][0]
        await made.clock.sleep(300)
        turn(made, back, "Active")
        await made.clock.sleep(2400)
        messages = [at for at, text in happened(made, "back") if "being updated" in text]
        assert len(messages) == 2 and messages[1] - told_at < 1000, "told again, for nobody saw the first"
        sign_out(made, back)
        outcome = await work
        assert outcome.status == "complete", outcome.summary
        ended = [at for at, event in happened(made, "away") if event == "forced_logoff"]
        assert len(ended) == 1 and 900 <= ended[0] - told_at < 1260
        assert [event for _, event in happened(made, "back")][-1] == "logoff"
        assert outcome.users == {
            "messaged": 2, "signed_out": 1, "disconnected_ended": 1, "logged_off": 0, "came_back": 1, "cut_off": 0,
            "moved_twice": 0,
        }  # fmt: skip
        assert away.number != back.number

    virtually(story())


def test_the_report_counts_what_the_sessions_show(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=24, ignore_probability=0.4, return_probability=0.3)
        outcome = await made.roll()
        assert outcome.status == "complete", outcome.summary
        events = made.control("GET", "session-events", hostPool=POOL)["events"]
        totals = build(made.events).totals
        forced = {e["user"] for e in events if e["event"] == "forced_logoff"}
        assert totals.users_logged_off + totals.users_disconnected_ended >= len(forced) > 0
        assert totals.users_cut_off == outcome.users["cut_off"] == 0
        assert totals.users_signed_out > 0
        assert totals.users_messaged == len({e["user"] for e in events if e["event"] == "message"})

    virtually(story())


def test_a_machine_that_somebody_stops_under_its_users_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=2, users=0)
        sign_in(made, "ann")
        work = asyncio.ensure_future(made.roll(**ALONE, drain={"deadline": "PT8H", "log_off": "wait"}))
        while not happened(made, "ann")[1:]:
            await made.clock.sleep(30)
        vm = f"{made.hosts}/providers/Microsoft.Compute/virtualMachines/vm-0"
        made.ask("POST", f"{vm}/deallocate", None, "2024-11-01")
        outcome = await work
        assert outcome.users["cut_off"] == 1 and "1 user(s) were cut off, not by the rollout" in outcome.summary
        [told] = [e for e in made.events if e.kind is Kind.USER and e.data["what"] == "cut off"]
        assert (told.host, told.data["user"]) == ("vm-0", "ann")

    virtually(story())
