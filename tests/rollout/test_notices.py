"""Which events are told, in which words, and which of them in a quiet configuration."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.errors import InvalidDeclaration
from rollout.events import Event, Kind
from rollout.notices import HOSTS_TOLD, LONGEST_TEXT, LONGEST_TITLE, Notice, Notices, Notify, Tone, notify
from rollout.values import fields_of


def event(kind: Kind, text: str = "", host: str = "", **data: Any) -> Event:
    return Event(0.0, kind, host, text, data)


GRAVE = True
BAD, ODD, GOOD = Tone.FAILURE, Tone.WARNING, Tone.SUCCESS
STARTED: dict[str, Any] = {"version": "1.0.1", "owner": "ci@runner", "hosts": ["vm-0", "vm-1"], "estimate": "about 1 h"}
FINDING = {"severity": "error", "subject": "subnet", "problem": "is full", "remedy": "make it larger"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (event(Kind.STARTED, **STARTED), Notice("started", "2 hosts to 1.0.1; about 1 h")),
        (event(Kind.STARTED, **STARTED, resumed=True), Notice("resumed", "2 hosts to 1.0.1; about 1 h")),
        (event(Kind.STARTED, **STARTED, resumed=True, told_lately=True), None),
        (event(Kind.STARTED, **STARTED, revert=True), Notice("revert started", "2 hosts to 1.0.1; about 1 h")),
        (event(Kind.SCHEDULED, "waits until Sat"), Notice("scheduled", "waits until Sat")),
        (
            event(Kind.CHECKED, findings=[FINDING]),
            Notice("pre-checks failed", "subnet: is full; make it larger", ODD, GRAVE),
        ),
        (event(Kind.CHECKED, findings=[{**FINDING, "severity": "warning"}]), None),
        (event(Kind.CANARY, result="passed", hosts=["vm-0"]), Notice("canary passed", "vm-0", GOOD)),
        (event(Kind.CANARY, result="baked", hosts=["vm-0"]), Notice("canary baked", "vm-0")),
        (event(Kind.APPROVED, "approved by ada"), Notice("approved", "approved by ada")),
        (event(Kind.CANARY, result="failed", hosts=["vm-0"]), Notice("canary failed", "vm-0", BAD, GRAVE)),
        (
            event(Kind.CHECKPOINT, percent=25.0, pause=60.0),
            Notice("checkpoint", "25 % are done; goes on in 60 s"),
        ),
        (
            event(Kind.HOST_FAILED, "no boot", "vm-1", result="rolled_back"),
            Notice("host rolled back", "vm-1: no boot", BAD, GRAVE),
        ),
        (event(Kind.HOST_FAILED, "no boot", "vm-1", result="restoring"), None),
        (event(Kind.HOST_FAILED, "in use", "vm-1", result="left_out"), None),
        (
            event(Kind.PAUSED, "paused by me", done=1, of=3),
            Notice("paused", "paused by me; 1 of 3 hosts are done", ODD, GRAVE),
        ),
        (event(Kind.PAUSED, "closed", goes_on="2026-01-13T20:00:00Z"), Notice("paused", "closed", ODD)),
        (event(Kind.READY, "2 of 2 serve", ok=True), Notice("ready", "2 of 2 serve")),
        (event(Kind.READY, "0 of 2 serve", ok=False), Notice("NOT READY", "0 of 2 serve", ODD, GRAVE)),
        (event(Kind.SCHEDULE_CHANGED, "to Sunday", what="moved"), Notice("moved", "to Sunday")),
        (event(Kind.SCHEDULE_CHANGED, "no start", what="missed"), Notice("missed", "no start", ODD, GRAVE)),
        (event(Kind.REHEARSED, "fine", passed=True), Notice("rehearsal passed", "fine")),
        (event(Kind.REHEARSED, "no boot", passed=False), Notice("rehearsal failed", "no boot", BAD, GRAVE)),
        (event(Kind.ENDED, "all done", status="complete"), Notice("complete", "all done", GOOD)),
        (event(Kind.ENDED, "2 disks are ready", status="scheduled"), Notice("scheduled", "2 disks are ready")),
        (event(Kind.ENDED, "1 of 3", status="stopped"), Notice("stopped", "1 of 3", BAD, GRAVE)),
        (
            event(Kind.ENDED, "3 failed", status="complete_with_failures"),
            Notice("complete with failures", "3 failed", BAD, GRAVE),
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


def test_a_rollout_to_a_kept_disk_ends_as_reverted() -> None:
    notices = Notices("hp1")
    notices.of(event(Kind.STARTED, **STARTED, revert=True))
    assert notices.of(event(Kind.ENDED, "all done", status="complete")) == Notice("reverted", "all done", GOOD)
    failed = notices.of(event(Kind.ENDED, "1 failed", status="complete_with_failures"))
    assert failed == Notice("complete with failures", "1 failed", BAD, GRAVE)


def test_a_pause_is_told_when_it_begins_and_not_again_when_the_run_ends() -> None:
    notices = Notices("hp1")
    assert notices.of(event(Kind.PAUSED, "paused by me")) is not None
    assert notices.of(event(Kind.ENDED, "paused by me, 2 of 3 hosts run 1.0.1", status="paused")) is None


def test_a_checkpoint_that_the_run_before_has_told_is_not_told_again() -> None:
    notices = Notices("hp1")
    notices.of(event(Kind.STARTED, **{**STARTED, "hosts": ["vm-3", "vm-4"], "of": 4}, resumed=True))
    assert notices.of(event(Kind.CHECKPOINT, percent=25.0, pause=60.0)) is None
    assert notices.of(event(Kind.CHECKPOINT, percent=50.0, pause=60.0)) is None
    assert notices.of(event(Kind.CHECKPOINT, percent=75.0, pause=60.0)) is not None


def test_a_message_is_no_longer_than_services_take() -> None:
    long = Notice("pre-checks failed", "\n".join(f"vm-{number}: has no heartbeat; start it" for number in range(500)))
    held = Notice("paused", "paused by ada@desk-7 at 2026-01-12T23:10:00Z")
    _, text = Notices("hp1", "Europe/Amsterdam").worded(Notify(("https://v/secrets/s",)), held)
    assert text == "paused by ada@desk-7 at Tue 2026-01-13 00:10 Europe/Amsterdam (2026-01-12 23:10 UTC)"
    title, text = Notices("p" * 300).worded(Notify(("https://v/secrets/s",)), long)
    assert (len(title), len(text)) == (LONGEST_TITLE, LONGEST_TEXT) and title.endswith("...") and text.endswith("...")
    title, text = Notices("hp1").worded(Notify(("https://v/secrets/s",), title="{what}\n{text}"), Notice("a", "b\nc"))
    assert (title, text) == ("a b c", "b\nc")


@pytest.mark.parametrize("name", ["title", "text"])
def test_a_template_that_is_too_long_is_refused(name: str) -> None:
    secrets = {"url_secrets": ["https://vault.vault.azure.net/secrets/hook"]}
    with pytest.raises(InvalidDeclaration, match=rf"notify\.{name}: .* has 2001 characters; 2?\d+ at most"):
        notify({**secrets, name: "x" * 2001})
