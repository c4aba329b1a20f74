"""`ScaleSetUpgradePolicy`: its schema, arguments and defaults agree, bad input is refused, and what a change means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN, Unknown

from os_upgrades.declaration import EXAMPLE_ID, ScaleSetDeclaration, parse
from providers import docs, scale_set_args
from providers.scale_set_inputs import PROPERTIES
from providers.scale_set_upgrade_policy import (
    OUTPUTS,
    TOKEN,
    ScaleSetUpgradePolicy,
    ScaleSetUpgradePolicyProvider,
)
from providers.schema import scale_set_schema

PICKLE = (
    "gASVSwAAAAAAAACMInByb3ZpZGVycy5zY2FsZV9zZXRfdXBncmFkZV9wb2xpY3mUjB1TY2FsZVNldFVwZ3JhZGVQb2xpY3lQcm92aWRlcpST"
    "lCmBlC4="
)
POLICY = {"mode": "Rolling"}
INPUTS: dict[str, Any] = {"scale_set_id": EXAMPLE_ID, "upgrade_policy": POLICY}
HTTP = {"protocol": "http", "port": 80, "request_path": "/health"}


def objects(of: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """The schema and the objects in it, at any depth."""
    whole = of or scale_set_schema()
    yield whole
    for prop in whole["properties"].values():
        inner = prop.get("items", prop)
        if "properties" in inner:
            yield from objects(inner)


def test_what_is_in_the_state_for_ever_stays() -> None:
    assert TOKEN == "pulumi-python:dynamic/avd:ScaleSetUpgradePolicy"
    assert serialize_provider(ScaleSetUpgradePolicyProvider()) == PICKLE
    assert ScaleSetUpgradePolicyProvider.serialize_as_secret_always is False
    assert ScaleSetUpgradePolicyProvider().__dict__ == {}


def test_the_schema_is_valid_and_each_property_has_words_example_and_source() -> None:
    jsonschema.Draft202012Validator.check_schema(scale_set_schema())
    for of in objects():
        assert of["additionalProperties"] is False
        for name, prop in of["properties"].items():
            assert prop["description"].endswith("."), name
            assert "properties" in prop or (prop["examples"] and prop["$comment"]), name


def test_arguments_and_documentation_are_made_from_it() -> None:
    remedy = "run: python -m providers.docs"
    assert docs.SCALE_SET_ARGS_PY.read_text(encoding="utf-8") == docs.scale_set_args_py(), remedy
    assert docs.SCALE_SET_INPUTS_MD.read_text(encoding="utf-8") == docs.scale_set_inputs_md(), remedy
    for of in objects():
        known = dataclasses.fields(getattr(scale_set_args, f"{of['title']}Args"))
        required = {field.name: field.default is dataclasses.MISSING for field in known}
        assert required == {key: key in of.get("required", ()) for key in of["properties"]}
    described = docs.scale_set_inputs_md().split("## Outputs")[1]
    assert {name for name in OUTPUTS if f"`{name}`" not in described} == set()
    assert set(ScaleSetUpgradePolicy.__annotations__) == {*OUTPUTS, "plan", "scale_set_id"}


def test_every_input_is_a_field_and_defaults_are_those_of_the_declaration() -> None:
    properties = scale_set_schema()["properties"]
    assert {field.name for field in dataclasses.fields(ScaleSetDeclaration)} == properties.keys()
    given = {name: prop["default"] for name, prop in properties.items() if "default" in prop}
    assert parse({**INPUTS, **given}) == parse(INPUTS)
    rolling = _defaults(properties["upgrade_policy"]["properties"]["rolling_upgrade_policy"])
    policies = [{**POLICY, "rolling_upgrade_policy": each} for each in (rolling, {})]
    assert parse({**INPUTS, "upgrade_policy": policies[0]}) == parse({**INPUTS, "upgrade_policy": policies[1]})
    extension = _defaults(properties["health"]["properties"]["extension"])
    sources = [{"extension": {**HTTP, **each}} for each in (extension, {})]
    assert parse({**INPUTS, "health": sources[0]}) == parse({**INPUTS, "health": sources[1]})
    for name in ("os_image_notification", "terminate_notification"):
        told = [{"enable": True, **each} for each in (_defaults(properties[name]), {})]
        assert parse({**INPUTS, name: told[0]}) == parse({**INPUTS, name: told[1]})


def _defaults(of: dict[str, Any]) -> dict[str, Any]:
    return {name: prop["default"] for name, prop in of["properties"].items() if "default" in prop}


def test_each_example_is_valid() -> None:
    manual = {**INPUTS, "upgrade_policy": {"mode": "Manual"}}
    for name, prop in scale_set_schema()["properties"].items():
        for example in prop.get("examples", ()):
            assert not PROPERTIES.validate({**manual, name: example}).problems, (name, example)


AUTOMATIC = {"mode": "Rolling", "automatic_os_upgrade_policy": {"enable_automatic_os_upgrade": True}}
BAD: list[Any] = [
    ({"scale_set_id": None}, "scale_set_id: None is missing; add it, such as '/subscriptions/"),
    ({"scale_set_id": "web"}, "scale_set_id: 'web' is not the id of a scale set; write one such as /subscriptions/"),
    ({"upgrade_policy": None}, "upgrade_policy: None is missing, and so is all else; declare something, such as"),
    ({"upgrade_policy": {}}, "upgrade_policy.mode: None is missing; add it, such as 'Rolling'"),
    (
        {"upgrade_policy": {"mode": "rolling"}},
        "upgrade_policy.mode: 'rolling' is not known; use one of Automatic, Rolling",
    ),
    ({"upgrade_polcy": {}}, "upgrade_polcy: {} is no known property; did you mean upgrade_policy?"),
    ({"health": {}}, "health: None names no source (learn.microsoft.com/"),
    (
        {"health": {"extension": HTTP, "probe_id": "x"}},
        "health: 'extension, probe_id' names both sources (learn.microsoft.com/",
    ),
    ({"health": {"probe_id": "probe"}}, "health.probe_id: 'probe' is not the id of a load balancer probe; write"),
    ({"health": {"extension": {}}}, "health.extension.protocol: None is missing; add it, such as 'http'"),
    ({"health": {"extension": {"protocol": "udp"}}}, "health.extension.protocol: 'udp' is not known; use one of http"),
    (
        {"health": {"extension": {"protocol": "http"}}},
        "health.extension.request_path: None is missing, and http needs it",
    ),
    (
        {"health": {"extension": {"protocol": "https", "request_path": "health"}}},
        "health.extension.request_path: 'health' is no path (learn.microsoft.com/",
    ),
    ({"health": {"extension": {"protocol": "tcp"}}}, "health.extension.port: None is missing, and tcp needs it"),
    (
        {"health": {"extension": {"protocol": "tcp", "port": 80, "request_path": "/"}}},
        "health.extension.request_path: '/' is not allowed with tcp",
    ),
    ({"health": {"extension": {**HTTP, "port": 0}}}, "health.extension.port: 0 is no whole number from 1 to 65535"),
    (
        {"health": {"extension": {**HTTP, "interval_in_seconds": 4}}},
        "health.extension.interval_in_seconds: 4 is no whole number from 5 to 60",
    ),
    (
        {"health": {"extension": {**HTTP, "number_of_probes": 25}}},
        "health.extension.number_of_probes: 25 is no whole number from 1 to 24",
    ),
    (
        {"health": {"extension": {**HTTP, "grace_period": 7201}}},
        "health.extension.grace_period: 7201 is no whole number from 5 to 7200",
    ),
    (
        {"health": {"extension": {**HTTP, "states": "binary", "grace_period": 600}}},
        "health.extension.grace_period: 600 is known with rich states only",
    ),
    ({"image": "win11"}, "image: 'win11' is no image that has versions to be rolled out (learn.microsoft.com/"),
    (
        {"image": f"{EXAMPLE_ID.split('/virtualMachineScaleSets')[0]}/galleries/g/images/i/versions/1.0.0"},
        "image: '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/web-rg/providers/Microsoft.Compute/"
        "galleries/g/images/i/versions/1.0.0' names a version",
    ),
    (
        {"os_image_notification": {"enable": True, "not_before_timeout": "PT10M"}},
        "os_image_notification.not_before_timeout: 'PT10M' is not PT15M (learn.microsoft.com/",
    ),
    (
        {"terminate_notification": {"enable": True, "not_before_timeout": "PT16M"}},
        "terminate_notification.not_before_timeout: 'PT16M' is out of range: PT5M to PT15M (learn.microsoft.com/",
    ),
    ({"terminate_notification": {}}, "terminate_notification.enable: None is missing; add it, such as true"),
    (
        {"lifecycle_hooks": [{"type": "UpgradeAutoOSScheduling"}, {"type": "UpgradeAutoOSScheduling"}]},
        "lifecycle_hooks[1].type: 'UpgradeAutoOSScheduling' is declared twice",
    ),
    (
        {"lifecycle_hooks": [{"type": "UpgradeAutoOSScheduling", "wait_duration": "PT0S"}]},
        "lifecycle_hooks[0].wait_duration: 'PT0S' is no time; write one such as PT30M",
    ),
    (
        {"upgrade_policy": AUTOMATIC, "windows_automatic_updates": True},
        "windows_automatic_updates: true has Windows Update change the disks that automatic OS upgrades replace",
    ),
]


@pytest.mark.parametrize(("given", "reason"), BAD)
def test_bad_input_is_one_line_with_property_value_and_remedy(given: dict[str, Any], reason: str) -> None:
    inputs = {name: value for name, value in {**INPUTS, **given}.items() if value is not None}
    [problem] = PROPERTIES.validate(inputs).problems
    assert problem.reason.startswith(reason)
    assert problem.prop == reason.partition(":")[0]
    assert "; " in problem.reason


GOOD: list[dict[str, Any]] = [
    {"scale_set_id": EXAMPLE_ID.upper()},
    {"health": {"extension": {"protocol": "https", "request_path": "/"}}},
    {"health": {"extension": {"protocol": "tcp", "port": 3389, "states": "binary"}}},
    {"health": {"extension": {**HTTP, "interval_in_seconds": 60, "number_of_probes": 24, "grace_period": 7200}}},
    {"image": "/communityGalleries/contoso-1234/images/web"},
    {"terminate_notification": {"enable": False, "not_before_timeout": 300}},
    {"lifecycle_hooks": []},
    {"upgrade_policy": AUTOMATIC, "windows_automatic_updates": False},
    {"update_instances": True},
    {"upgrade_policy": None, "windows_automatic_updates": False},
]


@pytest.mark.parametrize("given", GOOD)
def test_what_is_nearly_wrong_is_taken(given: dict[str, Any]) -> None:
    inputs = {name: value for name, value in {**INPUTS, **given}.items() if value is not None}
    assert PROPERTIES.validate(inputs).problems == ()


def test_values_that_are_not_known_yet_are_left_alone() -> None:
    assert UNKNOWN
    for unknown in (
        {"scale_set_id": Unknown()},
        {"health": {"probe_id": Unknown()}},
        {"upgrade_policy": Unknown()},
    ):
        checked = PROPERTIES.validate({**INPUTS, **unknown})
        assert checked.problems == ()
        assert checked.unknown == set(unknown)


def test_another_scale_set_replaces_the_resource_and_nothing_else_does() -> None:
    other = EXAMPLE_ID.replace("/web", "/api")
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "scale_set_id": other}) == ["scale_set_id"]
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "scale_set_id": EXAMPLE_ID.upper() + "/"}) == []
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "upgrade_policy": {"mode": "Manual"}}) == []
    assert PROPERTIES.replaces(INPUTS, {**INPUTS, "scale_set_id": Unknown()}) == ["scale_set_id"]


def test_the_same_in_other_words_is_no_change() -> None:
    pause = {"pause_time_between_batches": "PT1M"}
    was = {**INPUTS, "upgrade_policy": {**POLICY, "rolling_upgrade_policy": pause}}
    same = {"pause_time_between_batches": 60.0, "max_batch_instance_percent": 20.0}
    assert not PROPERTIES.changed(was, {**was, "upgrade_policy": {**POLICY, "rolling_upgrade_policy": same}})
    assert PROPERTIES.changed(was, {**was, "upgrade_policy": {**POLICY, "rolling_upgrade_policy": {}}})
    assert PROPERTIES.changed(was, {**was, "health": {"extension": HTTP}})


def test_what_was_found_is_that_of_this_scale_set() -> None:
    kept = {**INPUTS, "found": {"upgradePolicy.mode": "Manual"}}
    assert PROPERTIES.found(kept, parse(INPUTS)) == {"upgradePolicy.mode": "Manual"}
    assert PROPERTIES.found(kept, parse({**INPUTS, "scale_set_id": EXAMPLE_ID.replace("/web", "/api")})) is None


def test_outputs_are_no_inputs() -> None:
    outs = dict.fromkeys((*OUTPUTS, "plan", "resource_urn", "__provider"), 1)
    assert PROPERTIES.declared({**INPUTS, **outs, "image": None}) == INPUTS
