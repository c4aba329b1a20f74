"""`BatchPoolUpgradePolicy`: its schema, arguments and defaults agree, bad input is refused, and what a change means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown

from os_upgrades.batch_pool import EXAMPLE_ID, BatchPoolDeclaration, parse
from providers import batch_pool_args, docs
from providers.batch_pool_inputs import PROPERTIES
from providers.batch_pool_upgrade_policy import (
    OUTPUTS,
    TOKEN,
    BatchPoolUpgradePolicy,
    BatchPoolUpgradePolicyProvider,
)
from providers.schema import batch_pool_schema

PICKLE = (
    "gASVTQAAAAAAAACMI3Byb3ZpZGVycy5iYXRjaF9wb29sX3VwZ3JhZGVfcG9saWN5lIweQmF0Y2hQb29sVXBncmFkZV"
    "BvbGljeVByb3ZpZGVylJOUKYGULg=="
)
POLICY = {"mode": "rolling"}
INPUTS: dict[str, Any] = {"pool_id": EXAMPLE_ID, "upgrade_policy": POLICY}


def objects(of: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """The schema and the objects in it, at any depth."""
    whole = of or batch_pool_schema()
    yield whole
    for prop in whole["properties"].values():
        if "properties" in prop:
            yield from objects(prop)


def test_what_is_in_the_state_for_ever_stays() -> None:
    assert TOKEN == "pulumi-python:dynamic/avd:BatchPoolUpgradePolicy"
    assert serialize_provider(BatchPoolUpgradePolicyProvider()) == PICKLE
    assert BatchPoolUpgradePolicyProvider.serialize_as_secret_always is False
    assert BatchPoolUpgradePolicyProvider().__dict__ == {}


def test_the_schema_is_valid_and_each_property_has_words_example_and_source() -> None:
    jsonschema.Draft202012Validator.check_schema(batch_pool_schema())
    for of in objects():
        assert of["additionalProperties"] is False
        for name, prop in of["properties"].items():
            assert prop["description"].endswith("."), name
            assert "properties" in prop or (prop["examples"] and prop["$comment"]), name


def test_arguments_and_documentation_are_made_from_it() -> None:
    remedy = "run: python -m providers.docs"
    assert docs.BATCH_POOL_ARGS_PY.read_text(encoding="utf-8") == docs.batch_pool_args_py(), remedy
    assert docs.BATCH_POOL_INPUTS_MD.read_text(encoding="utf-8") == docs.batch_pool_inputs_md(), remedy
    for of in objects():
        known = dataclasses.fields(getattr(batch_pool_args, f"{of['title']}Args"))
        required = {field.name: field.default is dataclasses.MISSING for field in known}
        assert required == {key: key in of.get("required", ()) for key in of["properties"]}
    described = docs.batch_pool_inputs_md().split("## Outputs")[1]
    assert {name for name in OUTPUTS if f"`{name}`" not in described} == set()
    assert set(BatchPoolUpgradePolicy.__annotations__) == {*OUTPUTS, "plan", "pool_id"}


def test_every_input_is_a_field_and_defaults_are_those_of_the_declaration() -> None:
    properties = batch_pool_schema()["properties"]
    assert {field.name for field in dataclasses.fields(BatchPoolDeclaration)} == properties.keys()
    given = {name: prop["default"] for name, prop in properties.items() if "default" in prop}
    assert parse({**INPUTS, **given}) == parse(INPUTS)
    rolling = properties["upgrade_policy"]["properties"]["rolling_upgrade_policy"]["properties"]
    defaults = {name: prop["default"] for name, prop in rolling.items() if "default" in prop}
    policies = [{**POLICY, "rolling_upgrade_policy": each} for each in (defaults, {})]
    assert parse({**INPUTS, "upgrade_policy": policies[0]}) == parse({**INPUTS, "upgrade_policy": policies[1]})


BAD: list[Any] = [
    ({"pool_id": None}, "pool_id: None is missing; add it, such as '/subscriptions/"),
    ({"pool_id": "frames"}, "pool_id: 'frames' is not the id of a Batch pool; write one such as /subscriptions/"),
    ({"upgrade_policy": None}, "upgrade_policy: None is missing; add it, such as"),
    ({"upgrade_policy": {}}, "upgrade_policy.mode: None is missing; add it, such as 'rolling'"),
    (
        {"upgrade_policy": {"mode": "Rolling"}},
        "upgrade_policy.mode: 'Rolling' is not known; use one of automatic, rolling",
    ),
    ({"register_features": True}, "register_features: true is no known property; did you mean register_feature?"),
    (
        {"upgrade_policy": {"mode": "rolling", "rolling_upgrade_policy": {"max_batch_instance_percent": 101}}},
        "upgrade_policy.rolling_upgrade_policy.max_batch_instance_percent: 101 is no whole number from 5 to 100",
    ),
    (
        {"upgrade_policy": {"mode": "rolling", "rolling_upgrade_policy": {"max_surge": True}}},
        "upgrade_policy.rolling_upgrade_policy.max_surge: true is no known property",
    ),
    (
        {"upgrade_policy": {"mode": "rolling", "rolling_upgrade_policy": {"pause_time_between_batches": "5m"}}},
        "upgrade_policy.rolling_upgrade_policy.pause_time_between_batches: '5m' is ",
    ),
]


@pytest.mark.parametrize(("given", "reason"), BAD)
def test_bad_input_is_one_line_with_property_value_and_remedy(given: dict[str, Any], reason: str) -> None:
    inputs = {name: value for name, value in {**INPUTS, **given}.items() if value is not None}
    [problem] = PROPERTIES.validate(inputs).problems
    assert problem.reason.startswith(reason)
    assert problem.prop == reason.partition(":")[0]
    assert "; " in problem.reason


@pytest.mark.parametrize(
    "given",
    [
        {"pool_id": EXAMPLE_ID.upper()},
        {"upgrade_policy": {"mode": "manual"}},
        {
            "upgrade_policy": {
                "mode": "rolling",
                "rolling_upgrade_policy": {"max_unhealthy_upgraded_instance_percent": 0},
            }
        },
        {"register_feature": True, "leave_on_delete": True},
    ],
)
def test_what_is_nearly_wrong_is_taken(given: dict[str, Any]) -> None:
    assert PROPERTIES.validate({**INPUTS, **given}).problems == ()


def test_values_that_are_not_known_yet_are_left_alone() -> None:
    for unknown in ({"pool_id": Unknown()}, {"upgrade_policy": {"mode": Unknown()}}):
        checked = PROPERTIES.validate({**INPUTS, **unknown})
        assert checked.problems == () and checked.unknown == set(unknown)


def test_another_pool_replaces_the_resource_and_nothing_else_does() -> None:
    other = EXAMPLE_ID.replace("/frames", "/encode")
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "pool_id": other}) == ["pool_id"]
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "pool_id": EXAMPLE_ID.upper() + "/"}) == []
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "upgrade_policy": {"mode": "manual"}}) == []
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "pool_id": Unknown()}) == ["pool_id"]


def test_the_same_in_other_words_is_no_change() -> None:
    automatic = {"enable_automatic_os_upgrade": True}
    was = {**INPUTS, "upgrade_policy": {**POLICY, "automatic_os_upgrade_policy": automatic}}
    same = {**automatic, "os_rolling_upgrade_deferral": True}
    assert not PROPERTIES.changed(was, {**was, "upgrade_policy": {**POLICY, "automatic_os_upgrade_policy": same}})
    other = {**automatic, "os_rolling_upgrade_deferral": False}
    assert PROPERTIES.changed(was, {**was, "upgrade_policy": {**POLICY, "automatic_os_upgrade_policy": other}})
    assert PROPERTIES.changed(was, {**was, "leave_on_delete": True})


def test_what_was_found_is_that_of_this_pool() -> None:
    kept = {**INPUTS, "found": {"mode": "manual"}}
    assert PROPERTIES.found(kept, parse(INPUTS)) == {"mode": "manual"}
    assert PROPERTIES.found(INPUTS, parse(INPUTS)) is None
    assert PROPERTIES.found(kept, parse({**INPUTS, "pool_id": EXAMPLE_ID.replace("/frames", "/encode")})) is None


def test_outputs_are_no_inputs() -> None:
    outs = dict.fromkeys((*OUTPUTS, "plan", "resource_urn", "__provider"), 1)
    assert PROPERTIES.declared({**INPUTS, **outs, "register_feature": None}) == INPUTS
