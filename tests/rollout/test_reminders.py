"""What is due to be told of a schedule, and that each thing is told once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout import hold, reminders
from rollout.hold import Hold
from rollout.reminders import Told

HOUR, DAY = 3600.0, 86400.0
AT = 1_768_600_000
HELD = Hold("3f2a9c11", AT, AT - 4 * int(DAY), "1.0.1", "ada@desk-7")
LEADS = (DAY, HOUR)


@pytest.mark.parametrize(
    ("before", "told", "expected"),
    [
        (DAY + 1, Told(), None),
        (DAY, Told(), DAY),
        (HOUR + 1, Told(), DAY),  # ticks did not run for a while
        (HOUR, Told(), HOUR),  # one message, the nearest, and not both
        (0, Told(), None),  # it begins now
        (HOUR, Told(HELD.r, AT, int(DAY)), HOUR),
        (HOUR + 1, Told(HELD.r, AT, int(DAY)), None),
        (1, Told(HELD.r, AT, int(HOUR)), None),
        (HOUR, Told(HELD.r, AT - 1, int(HOUR)), HOUR),  # told of another start
        (HOUR, Told("another", AT, int(HOUR)), HOUR),
    ],
)
def test_the_nearest_reminder_whose_time_has_come_is_told_once(
    before: float, told: Told, expected: float | None
) -> None:
    assert reminders.due(HELD, told, LEADS, AT - before) == expected


def test_what_was_decided_after_the_reminders_time_needs_none() -> None:
    late = replace(HELD, s=AT - int(2 * HOUR))
    assert reminders.due(late, Told(), LEADS, AT - 2 * HOUR) is None
    assert reminders.due(late, Told(), LEADS, AT - HOUR) == HOUR


def test_pre_checks_are_made_daily_from_the_schedule_on() -> None:
    assert not reminders.check_due(HELD, Told(), HELD.s + DAY - 1)
    assert reminders.check_due(HELD, Told(), HELD.s + DAY)
    made = Told(HELD.r, ck=HELD.s + int(DAY))
    assert not reminders.check_due(HELD, made, HELD.s + 2 * DAY - 1)
    assert reminders.check_due(HELD, made, HELD.s + 2 * DAY)
    assert reminders.check_due(HELD, replace(made, r="another"), HELD.s + DAY + 1)


def test_tags_come_back_as_they_were_and_others_mean_nothing() -> None:
    told = Told("3f2a9c11", AT, 3600, AT - 5, 1, AT + 7, 1)
    assert reminders.decode(told.encode()) == told and len(told.encode()) <= 256
    for text in (None, "", "v=2;r=x", "v=1;r=x;at=soon"):
        assert reminders.decode(text) == Told() and hold.decode(text) is None
    longest = Hold("3f2a9c11", AT, AT, "1" * 200, "a;b=c\n" + "x" * 200, 1, 1)
    back = hold.decode(longest.encode())
    assert len(longest.encode()) <= 256
    assert back == replace(longest, to="1" * hold.LONGEST, by=("a,b:c " + "x" * 200)[: hold.LONGEST])
