"""What each guard rail lets through and what it refuses, with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rules import (
    IMAGE_VERSION,
    PRODUCTION,
    UPDATE,
    canary,
    matches,
    max_unavailable,
    pinned_version,
    replicas,
    stack_of,
    window,
)
from providers.host_pool_image_update import TOKEN


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"canary": {"hosts": 1.0}},
        {"canary": {"bake": "PT2H"}},
        {"canary": {"names": ["vm-3"]}},
        {"canary": {"per_zone": True}},
    ],
)
def test_a_canary_is_there_unless_it_was_declared_away(inputs: dict[str, Any]) -> None:
    assert canary(inputs) is None
    assert "nobody goes first" in (canary({"canary": {"hosts": 0.0}}) or "")


@pytest.mark.parametrize(
    ("declared", "state", "wrong"),
    [
        (None, "", False),
        (1.0, "1 of 1 hosts need work", False),
        ("20%", "", False),
        ("20.5 %", "", True),
        ("100%", "", True),
        (2.0, "4 of 12 hosts need work", False),
        (3.0, "4 of 12 hosts need work", True),
        (2.0, "complete, 3 of 3 hosts run 1.0.0", True),
        (2.0, "not known yet: image", True),
        (2.0, None, True),
    ],
)
def test_a_fifth_of_the_pool_may_be_out(declared: Any, state: str | None, wrong: bool) -> None:
    inputs = {"max_unavailable": declared, "state": state} if declared is not None else {"state": state}
    found = max_unavailable(inputs)
    assert (found is not None) is wrong
    assert found is None or 'declare max_unavailable: "20%" or less' in found
    assert max_unavailable(inputs, share=100.0) is None or state in (None, "not known yet: image")


def test_there_is_a_window() -> None:
    assert window({"window": {"recur_every": "Day"}}) is None
    assert "recur_every: Week Saturday" in (window({"emergency": {"reason": "x"}}) or "")


def test_the_version_is_written_down_or_promoted() -> None:
    assert [pinned_version({"version": version}) for version in ("1.4.2", "promoted")] == [None, None]
    assert "declare promote_from" in (pinned_version({"version": "Latest"}) or "")


def test_each_region_has_two_replicas() -> None:
    def version(*regions: dict[str, Any], **profile: Any) -> dict[str, Any]:
        return {"location": "westeurope", "publishingProfile": {"targetRegions": list(regions), **profile}}

    two, one, none = (
        {"name": "a", "regionalReplicaCount": 2.0},
        {"name": "b", "regionalReplicaCount": 1.0},
        {"name": "c"},
    )
    assert replicas(version(two, one)) == ["region b has 1 replica, fewer than 2; write replicas: 2"]
    assert replicas(version(none)) == ["region c has 1 replica, fewer than 2; write replicas: 2"]
    assert replicas(version(none, replicaCount=2.0)) == []
    assert replicas({"location": "westeurope"}) == ["region westeurope has 1 replica, fewer than 2; write replicas: 2"]
    assert replicas(version(two), least=3)


def test_it_is_about_production_and_about_these_types() -> None:
    urn = "urn:pulumi:prod-eu::avd::pulumi-python:dynamic/avd:HostPoolImageUpdate::image-update"
    assert stack_of(urn) == "prod-eu" and matches(stack_of(urn), PRODUCTION)
    assert [matches(stack, PRODUCTION) for stack in ("prod", "eu-prod", "production", "test", "reproduce")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert UPDATE == TOKEN
    assert IMAGE_VERSION.fullmatch("azure-native:compute:GalleryImageVersion")
    assert IMAGE_VERSION.fullmatch("azure-native:compute/v20240303:GalleryImageVersion")
