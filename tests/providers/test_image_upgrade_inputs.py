"""`ScaleSetImageUpgrade` and `BatchPoolImageUpgrade`: schemas, arguments and defaults agree, and what an update is
made for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import jsonschema
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import UNKNOWN

from os_upgrades.batch_upgrade import NodesDeclaration
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration
from providers import batch_pool_image_upgrade, docs, scale_set_image_upgrade
from providers.declared_inputs import DeclaredInputs
from providers.failure import ScaleSetImageUpgradeFailed
from providers.scale_set_image_upgrade import fail_when_incomplete
from providers.watched_inputs import BATCH_POOL, SCALE_SET, STALE, has_work
from providers.watched_parts import PARTS

SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/render/pools/frames"


@dataclass(frozen=True)
class Resource:
    """What belongs to one of the two."""

    name: str
    module: ModuleType
    inputs: DeclaredInputs[Any]
    id: str
    declaration: type
    args: tuple[Any, Any]
    page: tuple[Any, Any]
    pickle: str

    def __str__(self) -> str:
        return self.name


RESOURCES = (
    Resource(
        "ScaleSetImageUpgrade",
        scale_set_image_upgrade,
        SCALE_SET,
        SET,
        ImageUpgradeDeclaration,
        (docs.IMAGE_UPGRADE_ARGS_PY, docs.image_upgrade_args_py),
        (docs.IMAGE_UPGRADE_INPUTS_MD, docs.image_upgrade_inputs_md),
        "gASVSQAAAAAAAACMIXByb3ZpZGVycy5zY2FsZV9zZXRfaW1hZ2VfdXBncmFkZZSMHFNjYWxlU2V0SW1hZ2VVcGdyYWRlUHJvdmlkZXKUk5QpgZQu",
    ),
    Resource(
        "BatchPoolImageUpgrade",
        batch_pool_image_upgrade,
        BATCH_POOL,
        POOL,
        NodesDeclaration,
        (docs.BATCH_UPGRADE_ARGS_PY, docs.batch_upgrade_args_py),
        (docs.BATCH_UPGRADE_INPUTS_MD, docs.batch_upgrade_inputs_md),
        "gASVSwAAAAAAAACMInByb3ZpZGVycy5iYXRjaF9wb29sX2ltYWdlX3VwZ3JhZGWUjB1CYXRjaFBvb2xJbWFnZVVwZ3JhZGVQcm92aWRlcpSTlCmBlC4=",
    ),
)
of_both = pytest.mark.parametrize("of", RESOURCES, ids=str)


@of_both
def test_what_is_in_the_state_for_ever_stays(of: Resource) -> None:
    provider = getattr(of.module, f"{of.name}Provider")
    assert of.module.TOKEN == f"pulumi-python:dynamic/avd:{of.name}"
    assert serialize_provider(provider()) == of.pickle
    assert provider.serialize_as_secret_always is False and provider().__dict__ == {}
    assert PARTS[provider.what].inputs is of.inputs


@of_both
def test_schema_arguments_documentation_and_defaults_agree(of: Resource) -> None:
    schema, remedy = of.inputs.schema(), "run: python -m providers.docs"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    for name, prop in schema["properties"].items():
        assert prop["description"].endswith(".") and prop["examples"] and prop["$comment"], name
        for example in prop["examples"]:
            assert not of.inputs.validate({of.inputs.identity: of.id, name: example}).problems, (name, example)
    (args, made_args), (page, made_page) = of.args, of.page
    assert args.read_text(encoding="utf-8") == made_args(), remedy
    assert page.read_text(encoding="utf-8") == made_page(), remedy
    fields = dataclasses.fields(getattr(of.module, f"{of.name}Args"))
    known = {field.name: field.default is dataclasses.MISSING for field in fields}
    assert known == {key: key in schema["required"] for key in schema["properties"]}
    described = made_page().split("## Outputs")[1]
    outputs = {*of.module.OUTPUTS, "plan", "state"}
    assert {name for name in outputs if f"`{name}`" not in described} == set()
    assert set(getattr(of.module, of.name).__annotations__) == {*outputs, of.inputs.identity}
    given = {name: prop["default"] for name, prop in schema["properties"].items() if "default" in prop}
    assert of.inputs.parse({of.inputs.identity: of.id, **given}) == of.inputs.parse({of.inputs.identity: of.id})
    declared = {field.name for field in dataclasses.fields(of.declaration)}
    assert declared == schema["properties"].keys() - {"fail_when_incomplete"}


@of_both
def test_an_update_is_made_for_what_means_something_else(of: Resource) -> None:
    inputs, name = of.inputs, of.inputs.identity
    olds = {
        **{output: {} for output in of.module.OUTPUTS},
        name: of.id,
        "limit": "PT12H",
        "status": "complete",
        "plan": {},
        "state": "s",
    }
    same = {name: of.id.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), "limit": 43200.0, "version": "latest"}
    assert inputs.declared(olds) == {name: of.id, "limit": "PT12H"}
    assert not inputs.changed(olds, same) and inputs.replaces(olds, same) == []
    assert inputs.changed(olds, {name: of.id, "version": "1.0.1"})
    assert inputs.replaces(olds, {name: f"{of.id}2"}) == [name] and inputs.replaces(olds, {name: UNKNOWN}) == []
    plan = {"web_0": "1.0.0 -> 1.0.1"}
    assert has_work({"plan": plan, "state": "s"}) and not has_work({"plan": {}})
    assert not has_work({"plan": plan, "state": STALE})


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
