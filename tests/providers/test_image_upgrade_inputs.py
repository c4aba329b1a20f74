"""`ScaleSetImageUpgrade`: its schema, arguments and defaults agree, and what an update is made for."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN

from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration, parse
from providers import docs, image_upgrade_args
from providers.failure import ScaleSetImageUpgradeFailed
from providers.image_upgrade_inputs import STALE, changed, declared, has_work, replaces, validate
from providers.scale_set_image_upgrade import (
    OUTPUTS,
    TOKEN,
    ScaleSetImageUpgrade,
    ScaleSetImageUpgradeProvider,
    fail_when_incomplete,
)
from providers.schema import image_upgrade_schema

SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
PICKLE = (
    "gASVSQAAAAAAAACMIXByb3ZpZGVycy5zY2FsZV9zZXRfaW1hZ2VfdXBncmFkZZSMHFNjYWxlU2V0SW1hZ2VVcGdyYWRlUHJvdmlkZXKUk5QpgZQu"
)


def test_what_is_in_the_state_for_ever_stays() -> None:
    assert TOKEN == "pulumi-python:dynamic/avd:ScaleSetImageUpgrade"
    assert serialize_provider(ScaleSetImageUpgradeProvider()) == PICKLE
    assert ScaleSetImageUpgradeProvider.serialize_as_secret_always is False
    assert ScaleSetImageUpgradeProvider().__dict__ == {}


def test_schema_arguments_documentation_and_defaults_agree() -> None:
    schema, remedy = image_upgrade_schema(), "run: python -m providers.docs"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    for name, prop in schema["properties"].items():
        assert prop["description"].endswith(".") and prop["examples"] and prop["$comment"], name
        for example in prop["examples"]:
            assert not validate({"scale_set_id": SET, name: example}).problems, (name, example)
    assert docs.IMAGE_UPGRADE_ARGS_PY.read_text(encoding="utf-8") == docs.image_upgrade_args_py(), remedy
    assert docs.IMAGE_UPGRADE_INPUTS_MD.read_text(encoding="utf-8") == docs.image_upgrade_inputs_md(), remedy
    fields = dataclasses.fields(image_upgrade_args.ScaleSetImageUpgradeArgs)
    known = {field.name: field.default is dataclasses.MISSING for field in fields}
    assert known == {key: key in schema["required"] for key in schema["properties"]}
    described = docs.image_upgrade_inputs_md().split("## Outputs")[1]
    assert {name for name in (*OUTPUTS, "plan", "state") if f"`{name}`" not in described} == set()
    assert set(ScaleSetImageUpgrade.__annotations__) == {*OUTPUTS, "plan", "state", "scale_set_id"}
    given = {name: prop["default"] for name, prop in schema["properties"].items() if "default" in prop}
    assert parse({"scale_set_id": SET, **given}) == parse({"scale_set_id": SET})
    of = {field.name for field in dataclasses.fields(ImageUpgradeDeclaration)}
    assert of == schema["properties"].keys() - {"fail_when_incomplete"}


def test_an_update_is_made_for_what_means_something_else() -> None:
    olds = {"scale_set_id": SET, "limit": "PT12H", "status": "complete", "plan": {}, "state": "s", "history": []}
    same = {"scale_set_id": SET.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), "limit": 43200.0, "start": "auto"}
    assert (
        not changed(olds, same)
        and replaces(olds, same) == []
        and declared(olds) == {"scale_set_id": SET, "limit": "PT12H"}
    )
    assert changed(olds, {"scale_set_id": SET, "start": "now"})
    assert replaces(olds, {"scale_set_id": f"{SET}2"}) == ["scale_set_id"]
    assert replaces(olds, {"scale_set_id": UNKNOWN}) == []
    assert has_work({"plan": {"web_0": "1.0.0 -> 1.0.1"}, "state": "s"}) and not has_work({"plan": {}})
    assert not has_work({"plan": {"web_0": "1.0.0 -> 1.0.1"}, "state": STALE})


@pytest.mark.parametrize(("status", "wanted", "fails"), [
    ("complete", None, False),
    ("waiting", None, False),
    ("complete_with_failures", None, True),
    ("complete_with_failures", False, False),
])  # fmt: skip
def test_instances_that_are_left_out_fail_the_deployment_unless_declared(status: str, wanted: Any, fails: bool) -> None:
    args: Any = SimpleNamespace(
        new_outputs={"status": status, "summary": "scale set web: 1 of 2"}, new_inputs={"fail_when_incomplete": wanted}
    )
    if not fails:
        fail_when_incomplete(args)
        return
    with pytest.raises(ScaleSetImageUpgradeFailed, match="scale set web: 1 of 2"):
        fail_when_incomplete(args)
