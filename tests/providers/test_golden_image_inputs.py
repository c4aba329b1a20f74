"""`GoldenImageVersion`: its schema, arguments and defaults agree, and what another version is made for."""

from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN

from capture.declaration import CaptureDeclaration, parse
from providers import docs, golden_image_args
from providers.golden_image_inputs import IDENTITY, changed, declared, former, replaces, validate
from providers.golden_image_version import OUTPUTS, TOKEN, GoldenImageVersion, GoldenImageVersionProvider
from providers.schema import golden_image_schema
from simulation.golden_vm import DEFINITION, GOLDEN

INPUTS: dict[str, Any] = {"source_vm_id": GOLDEN, "image": DEFINITION, "version": "1.0.2"}
UPDATE = {"name": "office", "script": ["a.ps1"]}
PICKLE = "gASVRAAAAAAAAACMHnByb3ZpZGVycy5nb2xkZW5faW1hZ2VfdmVyc2lvbpSMGkdvbGRlbkltYWdlVmVyc2lvblByb3ZpZGVylJOUKYGULg=="


def objects() -> list[tuple[str, dict[str, Any]]]:
    """The schema and the objects in it, by the name of their arguments."""
    of = golden_image_schema()
    inner = [prop.get("items", prop) for prop in of["properties"].values()]
    titled = [(f"{each['title']}Args", each) for each in inner if "title" in each]
    return [("GoldenImageVersionArgs", of), *titled]


def test_what_is_in_the_state_for_ever_stays() -> None:
    assert TOKEN == "pulumi-python:dynamic/avd:GoldenImageVersion"
    assert serialize_provider(GoldenImageVersionProvider()) == PICKLE
    assert GoldenImageVersionProvider.serialize_as_secret_always is False
    assert GoldenImageVersionProvider().__dict__ == {}


def test_the_schema_is_valid_and_each_property_has_words_example_and_source() -> None:
    jsonschema.Draft202012Validator.check_schema(golden_image_schema())
    for _, of in objects():
        assert of["additionalProperties"] is False
        for name, prop in of["properties"].items():
            assert prop["description"].endswith("."), name
            assert "properties" in prop or (prop["examples"] and prop["$comment"]), name


def test_arguments_and_documentation_are_made_from_it() -> None:
    remedy = "run: python -m providers.docs"
    assert docs.GOLDEN_IMAGE_ARGS_PY.read_text(encoding="utf-8") == docs.golden_image_args_py(), remedy
    assert docs.GOLDEN_IMAGE_INPUTS_MD.read_text(encoding="utf-8") == docs.golden_image_inputs_md(), remedy
    for name, of in objects():
        known = {f.name: f.default is dataclasses.MISSING for f in dataclasses.fields(getattr(golden_image_args, name))}
        assert known == {key: key in of.get("required", ()) for key in of["properties"]}
    described = docs.golden_image_inputs_md().split("## Outputs")[1]
    assert {name for name in OUTPUTS if f"`{name}`" not in described} == set()
    assert set(GoldenImageVersion.__annotations__) == {*OUTPUTS, "plan", "resolved_version", *INPUTS}


def test_its_defaults_are_those_of_the_declaration_and_every_input_has_a_field() -> None:
    properties = golden_image_schema()["properties"]
    given = {name: prop["default"] for name, prop in properties.items() if "default" in prop}
    assert parse({**INPUTS, **given}) == parse(INPUTS)
    inner = {name: dict(prop["items"]["properties"]) for name, prop in properties.items() if "items" in prop}
    for name, first in (("updates", UPDATE), ("regions", {"name": "westeurope"})):
        defaults = {key: prop["default"] for key, prop in inner[name].items() if "default" in prop}
        assert parse({**INPUTS, name: [{**first, **defaults}]}) == parse({**INPUTS, name: [first]})
    tested = {name: prop["default"] for name, prop in properties["boot_test"]["properties"].items()}
    assert parse({**INPUTS, "boot_test": tested}) == parse({**INPUTS, "boot_test": {}}) == parse(INPUTS)
    assert parse({**INPUTS, "boot_test": {"enabled": False}}).boot_test is None
    rules = {name: prop["default"] for name, prop in properties["retention"]["properties"].items()}
    assert parse({**INPUTS, "retention": rules}) == parse({**INPUTS, "retention": {}}) != parse(INPUTS)
    clone = {f"clone_{name}" for name in properties["clone"]["properties"]}
    assert {f.name for f in dataclasses.fields(CaptureDeclaration)} == properties.keys() - {"clone"} | clone


def test_each_example_is_valid() -> None:
    for name, prop in golden_image_schema()["properties"].items():
        for example in prop.get("examples", ()):
            assert not validate({**INPUTS, name: example}).problems, (name, example)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"version": "1.0"}, 'version: \'1.0\' is no version; write x.y.z such as "1.0.2", or "1.0.*"'),
        ({"source_vm_id": "golden"}, "source_vm_id: 'golden' is not the id of a virtual machine; write /subscriptions"),
        ({"regions": [{"name": "westeurope"}, {"name": "West Europe"}]}, "regions: 'westeurope' is there twice"),
        ({"updates": [{**UPDATE, "limit": "PT3H"}]}, "updates[0].limit: 'PT3H' is out of range; write a duration from"),
        ({"updates": [UPDATE, UPDATE]}, "updates: 'office' is there twice; give each script a name of its own"),
        ({"updates": [{"name": "x", "script": [" "]}]}, "updates[0].script: [' '] is empty; write lines"),
        (
            {"updates": [{**UPDATE, "secrets": {"A": "abc"}}]},
            "updates[0].secrets.A: '(3 characters)' is not the URI of a Key Vault",
        ),
        ({"os_state": "sysprepped"}, "os_state: 'sysprepped' is not known; use one of generalized, specialized"),
        (
            {"os_state": "specialized", "clone": {"vm_size": "x"}, "boot_test": {"enabled": False}},
            "clone: {'vm_size': 'x'} is of no use with os_state: specialized and no boot test; leave one out",
        ),
        (
            {"boot_test": {"enabled": False, "script": ["exit 0"]}},
            "boot_test.script: ['exit 0'] is of no use with enabled: false; leave it out, or leave enabled out",
        ),
        ({"end_of_life": "2027-01-01"}, "end_of_life: '2027-01-01' is no date and time"),
        ({"retention": {"versions": 0}}, "retention.versions: 0 is out of range; write a whole number, 1 or more"),
        ({"retention": {"subscriptions": ["x"]}}, "retention.subscriptions[0]: 'x' is no subscription id; write its"),
        ({"tags": {"avd-x": "1"}}, "tags: 'avd-x' begins with avd-"),
        ({"region": []}, "region: [] is no known property; did you mean regions?"),
        ({"image": None}, "image: None is missing; add it, such as"),
    ],
)
def test_bad_input_is_one_line_with_property_value_and_remedy(given: dict[str, Any], reason: str) -> None:
    inputs = {name: value for name, value in {**INPUTS, **given}.items() if value is not None}
    [problem] = validate(inputs).problems
    assert problem.reason.startswith(reason)
    assert problem.prop == reason.partition(":")[0]


CHANGES: dict[str, Any] = {
    "source_vm_id": INPUTS["source_vm_id"].replace("golden", "silver"),
    "image": INPUTS["image"].replace("win11", "win12"),
    "version": "1.0.3",
    "os_state": "specialized",
    "updates": [UPDATE],
}


@pytest.mark.parametrize("name", IDENTITY)
def test_another_golden_vm_version_state_or_script_is_another_version(name: str) -> None:
    news = {**INPUTS, name: CHANGES[name]}
    assert replaces(dict(INPUTS), news) == [name]
    assert replaces(dict(INPUTS), {**INPUTS, name: UNKNOWN}) == [name]


def test_a_script_s_words_count_and_its_limit_does_not() -> None:
    one = {**INPUTS, "updates": [UPDATE]}
    assert replaces(one, {**INPUTS, "updates": [{**UPDATE, "script": ["b.ps1"]}]}) == ["updates"]


@pytest.mark.parametrize(
    "given", [{"regions": [{"name": "westeurope"}]}, {"exclude_from_latest": True}, {"tags": {"a": "b"}}]
)
def test_the_rest_changes_the_version_that_is_there(given: dict[str, Any]) -> None:
    news = {**INPUTS, **given}
    assert replaces(dict(INPUTS), news) == [] and changed(dict(INPUTS), news)


def test_what_means_the_same_is_no_change() -> None:
    news = {
        **INPUTS,
        "source_vm_id": INPUTS["source_vm_id"].upper() + "/",
        "sysprep_limit": 3600.0,
        "updates": [],
        "plan": "capture 1.0.2",
        "resolved_version": "1.0.2",
    }
    olds = {**INPUTS, "sysprep_limit": "PT60M", "resolved_version": "1.0.2", "status": "complete"}
    assert replaces(olds, news) == [] and not changed(olds, news)
    assert declared(news).keys() == INPUTS.keys() | {"sysprep_limit", "updates"}


def test_the_next_free_number_stays_until_something_changes_that_makes_another_version() -> None:
    olds = {**INPUTS, "version": "1.0.*", "resolved_version": "1.0.4"}
    same = validate({**INPUTS, "version": "1.0.*", "regions": [{"name": "westeurope"}]}).declaration
    other = validate({**INPUTS, "version": "1.0.*", "updates": [UPDATE]}).declaration
    assert same is not None and other is not None
    assert former(olds, same) == "1.0.4"
    assert former(olds, other) == "" and former({}, same) == ""
