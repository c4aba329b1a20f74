"""Which events are told, in which words, and which of them in a quiet configuration."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.events import Event, Kind
from rollout.notices import HOSTS_TOLD, Notice, Notices, fields_of


def event(kind: Kind, text: str = "", host: str = "", **data: Any) -> Event:
    return Event(0.0, kind, host, text, data)


GRAVE = True
STARTED: dict[str, Any] = {"version": "1.0.1", "owner": "ci@runner", "hosts": ["vm-0", "vm-1"], "estimate": "about 1 h"}
FINDING = {"severity": "error", "subject": "subnet", "problem": "is full", "remedy": "make it larger"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (event(Kind.STARTED, **STARTED), Notice("started", "2 hosts to 1.0.1; about 1 h")),
        (event(Kind.STARTED, **STARTED, resumed=True), Notice("resumed", "2 hosts to 1.0.1; about 1 h")),
        (event(Kind.SCHEDULED, "waits until Sat"), Notice("scheduled", "waits until Sat")),
        (
            event(Kind.CHECKED, findings=[FINDING]),
            Notice("pre-checks failed", "subnet: is full; make it larger", GRAVE),
        ),
        (event(Kind.CHECKED, findings=[{**FINDING, "severity": "warning"}]), None),
        (event(Kind.CANARY, result="passed", hosts=["vm-0"]), Notice("canary passed", "vm-0")),
        (event(Kind.CANARY, result="baked", hosts=["vm-0"]), Notice("canary baked", "vm-0")),
        (event(Kind.APPROVED, "approved by ada"), Notice("approved", "approved by ada")),
        (event(Kind.CANARY, result="failed", hosts=["vm-0"]), Notice("canary failed", "vm-0", GRAVE)),
        (
            event(Kind.CHECKPOINT, percent=25.0, pause=60.0),
            Notice("checkpoint", "25 % are done; goes on in 60 s"),
        ),
        (
            event(Kind.HOST_FAILED, "no boot", "vm-1", result="rolled_back"),
            Notice("host rolled back", "vm-1: no boot", GRAVE),
        ),
        (event(Kind.HOST_FAILED, "no boot", "vm-1", result="restoring"), None),
        (event(Kind.HOST_FAILED, "in use", "vm-1", result="left_out"), None),
        (event(Kind.PAUSED, "paused by me"), Notice("paused", "paused by me", GRAVE)),
        (event(Kind.PAUSED, "closed", goes_on="2026-01-13T20:00:00Z"), Notice("paused", "closed")),
        (event(Kind.ENDED, "all done", status="complete"), Notice("complete", "all done")),
        (
            event(Kind.ENDED, "3 failed", status="complete_with_failures"),
            Notice("complete with failures", "3 failed", GRAVE),
        ),
        (event(Kind.ACTION, "started", "vm-1"), None),
    ],
)
def test_what_is_told_of_an_event(told: Event, expected: Notice | None) -> None:
    assert Notices("hp1").of(told) == expected


def test_what_the_pre_checks_warn_of_is_told_with_the_start() -> None:
    notices = Notices("hp1")
    assert notices.of(event(Kind.CHECKED, findings=[{**FINDING, "severity": "warning"}])) is None
    told = notices.of(event(Kind.STARTED, **STARTED))
    assert told == Notice("started", "2 hosts to 1.0.1; about 1 h\npre-check: subnet: is full; make it larger")


def test_many_failed_hosts_are_no_storm() -> None:
    notices = Notices("hp1")
    told = [notices.of(event(Kind.HOST_FAILED, "no boot", f"vm-{n}", result="failed")) for n in range(500)]
    assert sum(notice is not None for notice in told) == HOSTS_TOLD


def test_templates_know_version_and_owner_once_the_run_has_started() -> None:
    notices = Notices("hp1")
    notices.of(event(Kind.STARTED, **STARTED))
    assert notices.fields == {"pool": "hp1", "version": "1.0.1", "owner": "ci@runner"}
    assert fields_of("{pool}: {what}") == ("pool", "what")
