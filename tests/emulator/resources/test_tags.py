"""The tags API on any scope, and the limits of tags."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.resources import tags
from emulator.wire import ArmError
from tests.emulator.arm_client import COMPUTE, GROUP, LOCATION, SCOPE, Client, code, message

DISK = f"{COMPUTE}/disks/d1"


def at(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Resources/tags/default"


def patch(azure: Client, operation: str, given_tags: dict[str, str], scope: str = DISK) -> Any:
    return azure.call("PATCH", at(scope), {"operation": operation, "properties": {"tags": given_tags}})


@pytest.fixture
def disk(azure: Client) -> Client:
    body = {
        "location": LOCATION,
        "tags": {"Owner": "a", "cost": "1"},
        "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4},
    }
    azure.made(DISK, body)
    return azure


def test_tags_of_a_resource_are_read_and_changed_in_place(disk: Client) -> None:
    shown = disk.get(at(DISK))
    assert shown.status == 200
    assert shown.body == {
        "id": at(DISK),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": {"Owner": "a", "cost": "1"}},
    }
    before = disk.world.get(DISK)
    assert before is not None
    etag = before.etag
    merged = patch(disk, "Merge", {"owner": "b", "new": "n"})
    assert merged.body["properties"]["tags"] == {"Owner": "b", "cost": "1", "new": "n"}
    after = disk.world.get(DISK)
    assert after is not None and after.etag == etag + 1
    assert disk.get(DISK).body["tags"] == {"Owner": "b", "cost": "1", "new": "n"}


def test_delete_takes_matching_tags_and_replace_the_whole_set(disk: Client) -> None:
    kept = patch(disk, "Delete", {"OWNER": "a", "cost": "other"}).body["properties"]["tags"]
    assert kept == {"cost": "1"}
    assert patch(disk, "Delete", {"cost": ""}).body["properties"]["tags"] == {}
    assert patch(disk, "Replace", {"x": "1"}).body["properties"]["tags"] == {"x": "1"}
    assert disk.put(at(DISK), {"properties": {"tags": {"y": "2"}}}).body["properties"]["tags"] == {"y": "2"}
    assert disk.delete(at(DISK)).status == 200
    assert disk.get(DISK).body["tags"] == {}


@pytest.mark.parametrize("scope", [SCOPE, GROUP])
def test_groups_and_subscriptions_have_tags_too(azure: Client, scope: str) -> None:
    assert patch(azure, "Merge", {"a": "1"}, scope).status == 200
    assert azure.get(scope).body["tags"] == {"a": "1"}


def test_tags_of_what_is_not_there_are_404(azure: Client) -> None:
    assert code(azure.get(at(DISK))) == "ResourceNotFound"
    assert code(azure.get(at(f"{SCOPE}/resourceGroups/none"))) == "ResourceGroupNotFound"


@pytest.mark.parametrize(
    ("given_tags", "expected", "text"),
    [
        ({f"t{n}": "v" for n in range(51)}, "TooManyTags", "'51'"),
        ({"a": "v" * 257}, "InvalidTagValueLength", "Maximum allowed length for tag value - '256' characters."),
        ({"a" * 513: "v"}, "InvalidTagName", "Maximum allowed length for tag name - '512' characters."),
        ({"a/b": "v"}, "InvalidTagNameCharacters", "The tag names 'a/b' have reserved characters"),
    ],
)
def test_limits_are_azures(disk: Client, given_tags: dict[str, str], expected: str, text: str) -> None:
    refused = disk.put(at(DISK), {"properties": {"tags": given_tags}})
    assert (refused.status, code(refused)) == (400, expected)
    assert text in message(refused)


def test_a_merge_counts_what_is_there(disk: Client) -> None:
    assert patch(disk, "Merge", {f"t{n}": "v" for n in range(48)}).status == 200
    assert code(patch(disk, "Merge", {"one-more": "v"})) == "TooManyTags"
    assert len(disk.get(DISK).body["tags"]) == 50


@given(st.dictionaries(st.text("abc-_ ", min_size=1, max_size=8), st.text(max_size=256), max_size=50))
def test_every_set_within_the_limits_is_taken_as_it_is(given_tags: dict[str, str]) -> None:
    assert tags.validate(given_tags) == given_tags


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ArmError, match="InvalidRequestContent"):
        tags.validate(["a"])
    assert tags.validate(None) == {}


def test_tags_are_checked_on_every_write(disk: Client) -> None:
    """The front door does it, so a record in a tag of a VM or disk can not be longer either."""
    assert disk.call("PATCH", DISK, {"tags": {"a": "v" * 256}}).status == 202
    refused = disk.call("PATCH", DISK, {"tags": {"a": "v" * 257}})
    assert (refused.status, code(refused)) == (400, "InvalidTagValueLength")
