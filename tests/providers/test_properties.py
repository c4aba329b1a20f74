"""What the provider adds to the inputs, and when it asks for an update."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import UNKNOWN

from providers import properties
from providers.host_pool_image_update import HostPoolImageUpdateProvider
from providers.preview import Look
from tests.providers.declarations import IMAGE, POOL, inputs

VERSION_ID = f"{IMAGE}/versions/1.0.1"
SEEN = Look(
    plan={"vm-0": "1.0.0 -> 1.0.1 (canary)"},
    state="1 of 2 hosts need work",
    image_version_id=VERSION_ID,
    images={"1.0.0": ("vm-0",), "1.0.1": ("vm-1",)},
)
OFFLINE = Look(problem="Azure could not be asked")
PICKLED = {"__provider": "gASV", "resource_urn": "urn:pulumi:test::avd::x::y"}


def news(**changes: Any) -> dict[str, Any]:
    """Checked inputs of a pool without work."""
    done = {"plan": {}, "state": "complete, 2 of 2 hosts run 1.0.1", "image_version_id": VERSION_ID}
    return inputs(**{**PICKLED, **done, **changes})


def olds(**changes: Any) -> dict[str, Any]:
    """Outputs of a run that was complete."""
    ended = {"status": "complete", "hosts": {"updated": ["vm-0"]}, "attempt": 1.0, "report": "x", "summary": "y"}
    return news(**{**ended, **changes})


def diff(old: dict[str, Any], new: dict[str, Any]) -> tuple[bool | None, list[str] | None]:
    result = HostPoolImageUpdateProvider().diff("id", old, new)
    return result.changes, result.replaces


def test_a_complete_pool_with_the_same_declaration_has_no_changes() -> None:
    assert diff(olds(), news()) == (False, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1.0.2"},
        {"max_unavailable": 2.0},
        {"drain": {"deadline": "PT5M"}},
        {"plan": {"vm-0": "1.0.0 -> 1.0.1"}},
        {"plan": {"cleanup": "12 disks"}},
        {"image": UNKNOWN},
        {"include": ["vm-1", UNKNOWN]},
        {"host_pool_id": UNKNOWN},
    ],
)
def test_a_changed_declaration_or_a_plan_asks_for_an_update(changes: dict[str, Any]) -> None:
    assert diff(olds(), news(**changes)) == (True, [])


@pytest.mark.parametrize("status", ["complete_with_failures", "paused", None])
def test_a_run_that_is_not_complete_is_gone_on_with(status: str | None) -> None:
    assert diff(olds(status=status), news()) == (True, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"max_unavailable": 1.0}),
        ({}, {"drain": {"deadline": "PT60M"}}),
        ({"drain": {"deadline": "PT60M"}}, {"drain": {"deadline": 3600.0}}),
        ({}, {"host_pool_id": POOL.upper().replace("HP1", "hp1")}),
        ({}, {"image": IMAGE.lower()}),
        ({}, {"state": "other words", "image_version_id": None}),
        ({}, {"resource_urn": "urn:of:another:name"}),
    ],
)
def test_the_same_declaration_in_other_words_is_no_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert diff(olds(**old), news(**new)) == (False, [])


def test_another_pool_replaces_the_resource() -> None:
    assert diff(olds(), news(host_pool_id=POOL.replace("hp1", "hp2"))) == (True, ["host_pool_id"])


def test_inputs_of_a_former_release_are_compared_as_they_are() -> None:
    assert diff(olds(max_unavailable="many"), news(max_unavailable="many")) == (False, [])
    assert diff(olds(max_unavailable="many"), news(max_unavailable=2.0)) == (True, [])


def test_a_look_is_added_to_the_inputs() -> None:
    added = properties.with_look({}, inputs(), SEEN)
    assert added == inputs() | {
        "plan": {"vm-0": "1.0.0 -> 1.0.1 (canary)"},
        "state": "1 of 2 hosts need work",
        "image_version_id": VERSION_ID,
    }


def test_without_azure_the_former_plan_is_carried_over_and_asks_for_nothing() -> None:
    before = properties.with_look({}, inputs(), SEEN)
    after = properties.with_look(before, inputs(), OFFLINE)
    assert after["plan"] == SEEN.plan
    assert after["image_version_id"] == VERSION_ID
    assert after["state"] == properties.STALE
    assert diff(olds(), {**after, **PICKLED}) == (False, [])
    # What was changed is still an update, whatever could be seen.
    assert diff(olds(), {**after, **PICKLED, "version": "1.0.2"}) == (True, [])


def test_without_azure_a_new_resource_has_an_unknown_plan() -> None:
    assert properties.with_look({}, inputs(), OFFLINE)["plan"] == "unknown"
    other = properties.with_look({}, inputs(host_pool_id=POOL.replace("hp1", "hp2")), SEEN)
    assert properties.with_look(other, inputs(), OFFLINE)["plan"] == "unknown"


def test_the_version_of_another_declaration_is_not_carried_over() -> None:
    before = properties.with_look({}, inputs(), SEEN)
    assert "image_version_id" not in properties.with_look(before, inputs(version="1.0.2"), OFFLINE)


def test_latest_is_pinned_to_the_version_that_the_preview_showed() -> None:
    shown = properties.with_look({}, inputs(version="latest"), SEEN)
    assert shown["version"] == "latest"
    assert properties.pinned(shown) == inputs(version="1.0.1")
    assert properties.pinned(inputs(version="1.0.0") | {"image_version_id": VERSION_ID})["version"] == "1.0.0"


def test_latest_is_not_pinned_to_a_version_that_was_carried_over() -> None:
    before = properties.with_look({}, inputs(version="latest"), SEEN)
    after = properties.with_look(before, inputs(version="latest"), OFFLINE)
    assert properties.pinned(after)["version"] == "latest"


def test_outputs_keep_the_declaration_and_not_pulumis_own_key() -> None:
    outs = properties.outputs({**PICKLED, **inputs(), "status": None}, {"status": "complete"})
    assert outs == inputs() | {"status": "complete", "resource_urn": PICKLED["resource_urn"]}


def test_unknown_inputs_give_an_unknown_plan() -> None:
    result = HostPoolImageUpdateProvider().check({}, inputs(image=UNKNOWN, version=UNKNOWN))
    assert result.failures == []
    assert result.inputs["plan"] == "unknown"
    assert result.inputs["state"] == "not known yet: image, version"
    assert result.inputs["image_version_id"] is UNKNOWN
    assert result.inputs["image"] is UNKNOWN


def test_bad_inputs_are_failures_of_their_properties() -> None:
    result = HostPoolImageUpdateProvider().check({}, inputs(max_unavailble=3.0, build="later"))
    assert [(failure.property, failure.reason.rpartition("; ")[2]) for failure in result.failures] == [
        ("max_unavailble", "did you mean max_unavailable?"),
        ("build", "use one of ahead, after_deallocate"),
    ]


def test_deleting_needs_nothing_and_does_nothing() -> None:
    HostPoolImageUpdateProvider().delete("id", olds(host_pool_id="not even an id"))
    assert HostPoolImageUpdateProvider.delete.__doc__
