"""The schema is the one source: defaults, typed arguments and documentation agree with it."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jsonschema
import pytest

from providers import args, docs
from providers.host_pool_image_update import OUTPUTS, HostPoolImageUpdate
from providers.schema import HERE, input_names, schema
from rollout.declaration import Declaration, parse
from tests.providers.declarations import inputs


def _objects(of: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, of
    for name, prop in of.get("properties", {}).items():
        inner = prop.get("items", prop)
        if "properties" in inner:
            yield from _objects(inner, f"{path}{name}.")


def _properties() -> list[Any]:
    found = [
        (f"{path}{name}", prop) for path, of in _objects(schema()) for name, prop in of.get("properties", {}).items()
    ]
    return [pytest.param(prop, id=name) for name, prop in found]


def test_it_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert (HERE / "schema.json").is_file()


def test_every_field_of_the_declaration_is_an_input_and_the_other_way_round() -> None:
    assert input_names() == {field.name for field in dataclasses.fields(Declaration)}


def test_no_object_takes_keys_that_it_does_not_know() -> None:
    loose = [path for path, of in _objects(schema()) if of.get("additionalProperties") is not False]
    assert loose == []


@pytest.mark.parametrize("prop", _properties())
def test_each_property_is_described_with_example_and_source(prop: dict[str, Any]) -> None:
    assert prop["description"].endswith(".")
    if "properties" not in prop:
        assert prop["examples"]
        assert prop["$comment"]


def _defaults(of: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name, prop in of["properties"].items():
        if "properties" in prop and "required" not in prop:
            values[name] = _defaults(prop)
        elif prop.get("default") is not None:
            values[name] = prop["default"]
    return values


def test_its_defaults_are_those_of_the_declaration() -> None:
    assert parse(inputs() | _defaults(schema())) == parse(inputs())


@pytest.mark.parametrize("prop", _properties())
def test_each_default_is_valid_by_its_own_schema(prop: dict[str, Any]) -> None:
    if prop.get("default") is None:
        assert "default" not in prop or prop["default"] is None
    else:
        jsonschema.Draft202012Validator({**prop, "$schema": schema()["$schema"]}).validate(prop["default"])


WINDOW = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
TEST_POOL = "/subscriptions/1/resourceGroups/t/providers/Microsoft.DesktopVirtualization/hostPools/hp-test"
GOES_WITH: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("build_ahead", "ready_by", "timing"), ("window", WINDOW)),
    "version": ("promote_from", {"host_pool_id": TEST_POOL}),
}
"""What an input makes sense with only."""


def test_each_example_is_valid_and_means_something() -> None:
    for name, prop in schema()["properties"].items():
        for example in prop.get("examples", []):
            given = inputs(**{name: example, **dict([GOES_WITH[name]] if name in GOES_WITH else [])})
            jsonschema.Draft202012Validator(schema()).validate(given)
            assert dataclasses.asdict(parse(given))["host_pool_id"]


def _fields(name: str) -> dict[str, bool]:
    """Names of a class of arguments, with whether each is required."""
    cls = getattr(args, name)
    return {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(cls)}


@pytest.mark.parametrize(
    ("name", "of"),
    [
        pytest.param("HostPoolImageUpdateArgs" if not path else f"{of['title']}Args", of, id=path or "inputs")
        for path, of in _objects(schema())
    ],
)
def test_the_typed_arguments_have_the_same_names_and_the_same_required_ones(name: str, of: dict[str, Any]) -> None:
    required = set(of.get("required", ()))
    assert _fields(name) == {key: key in required for key in of["properties"]}


def test_the_typed_arguments_say_default_and_source() -> None:
    tree = ast.parse(docs.ARGS_PY.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for path, of in _objects(schema()):
        body = classes["HostPoolImageUpdateArgs" if not path else f"{of['title']}Args"].body
        told = {
            field.target.id: " ".join(str(text.value.value).split())
            for field, text in pairwise(body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        }
        for name, prop in of["properties"].items():
            assert prop["description"] in told[name]
            assert prop.get("$comment", "") in told[name]


def test_the_files_made_from_it_are_up_to_date() -> None:
    remedy = "run: python -m providers.docs"
    assert docs.INPUTS_MD.read_text(encoding="utf-8") == docs.inputs_md(), remedy
    assert docs.ARGS_PY.read_text(encoding="utf-8") == docs.args_py(), remedy


def test_the_documentation_lists_every_property() -> None:
    text = docs.inputs_md()
    for path, of in _objects(schema()):
        for name in of.get("properties", {}):
            shown = re.sub(r"(checkpoints|reminders|extensions)\.", r"\1[].", f"{path}{name}")
            assert f"# `{shown}`" in text


def test_every_output_of_the_resource_exists_and_is_described() -> None:
    assert set(HostPoolImageUpdate.__annotations__) - set(input_names()) == set(OUTPUTS)
    described = docs.INPUTS_MD.read_text().split("## Outputs")[1]
    assert {name for name in OUTPUTS if f"`{name}`" not in described} == set()
