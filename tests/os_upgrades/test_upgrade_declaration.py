"""What can be declared of an upgrade to the latest image; each rule by the smallest wrong input."""

from __future__ import annotations

from typing import Any

import pytest

from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration, Start, Stopped, parse
from rollout.errors import InvalidDeclaration

SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


def test_what_is_left_out_has_its_default() -> None:
    assert parse({"scale_set_id": f"{SET}/"}) == ImageUpgradeDeclaration(SET)


def test_all_that_can_be_declared_is_read() -> None:
    given = {"version": "1.0.1", "start": "Never", "approve": ["0", "2"], "begin_within": "PT2H", "limit": 10800.0}
    declared = parse({"scale_set_id": SET, **given, "when_stopped": "cancel"})
    assert declared == ImageUpgradeDeclaration(SET, "1.0.1", Start.NEVER, ("0", "2"), 7200, 10800, Stopped.CANCEL)
    assert [declared.approves(each) for each in ("0", "1")] == [True, False]
    assert parse({"scale_set_id": SET, "approve": "ALL"}).approves("7")
    assert not parse({"scale_set_id": SET}).approves("7")
    short, long = parse({"scale_set_id": SET, "limit": "PT1H"}), parse({"scale_set_id": SET, "begin_within": "P1D"})
    assert (short.begin_within, long.limit) == (3600, 2 * 86400)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"scale_set_id": "web"},
            r"scale_set_id: 'web' is not the id of a scale set; write one such as /subscriptions/",
        ),
        ({"version": "newest"}, r"version: 'newest' is no version; write x\.y\.z, such as 1\.0\.1, or latest"),
        ({"start": "later"}, r"start: 'later' is not known; use one of auto, now, never"),
        ({"approve": []}, r'approve: \[\] names no instances; write all, none, or ids such as \["0", "1"\]'),
        ({"approve": "some"}, r"approve: 'some' names no instances; write all, none"),
        ({"limit": "PT0S"}, r"limit: 'PT0S' leaves no time to watch; write one such as PT12H"),
        (
            {"limit": "PT1H", "begin_within": "PT2H"},
            r"limit: 'PT1H' is shorter than begin_within; write a longer limit",
        ),
        ({"limit": "soon"}, r"limit: 'soon' is no duration; write an ISO 8601 duration"),
        ({"start": "now", "begin_within": "PT1H"}, r"begin_within: 'PT1H' means nothing with start: now; leave it out"),
        ({"when_stopped": "pause"}, r"when_stopped: 'pause' is not known; use one of leave, cancel"),
    ],
)
def test_what_cannot_be_used_is_refused_with_property_value_and_remedy(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidDeclaration, match=says):
        parse({"scale_set_id": SET, **given})
