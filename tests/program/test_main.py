"""The program as a whole, under Pulumi mocks, with the configuration of the stack `emulator`."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pytest_mock import MockerFixture

from providers.schema import input_names
from providers.validation import validate
from tests.support.pulumi_mocks import Recorder, run_program

ROOT = Path(__file__).parents[2]
PROJECT = "avd-hostpool-image-update"
UPDATE = "pulumi-python:dynamic/avd:HostPoolImageUpdate"
CAPTURE = "pulumi-python:dynamic/avd:GoldenImageVersion"
GOLDEN = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/golden"
VAULT = {"properties": {"vaultUri": "https://localhost:1/keyvault/avd-kv", "sku": {}, "tenantId": "t"}}

Run = Callable[..., Recorder]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `__main__.py` with changed configuration keys, of which None removes one; `references` are the outputs of the
    stacks that it refers to."""

    def with_config(references: dict[str, Any] | None = None, **changes: Any) -> Recorder:
        values = yaml.safe_load((ROOT / "stacks" / "Pulumi.emulator.yaml").read_text())["config"]
        values |= {f"{PROJECT}:{key}": value for key, value in changes.items()}
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items() if v is not None}
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(texts))
        made = {CAPTURE: {"version_id": f"{IMAGE}/versions/1.0.2"}}
        functions = {"azure-native:keyvault:getVault": VAULT}
        recorder = Recorder(functions=functions, stack_outputs=references or {}, made=made)
        return run_program(lambda: runpy.run_path(str(ROOT / "__main__.py")) and None, recorder, PROJECT, "emulator")

    return with_config


def update(made: Recorder) -> dict[str, Any]:
    [inputs] = [dict(args.inputs) for args in made.declared if args.typ == UPDATE]
    return inputs


def test_the_update_gets_pool_image_and_version(run):
    inputs = update(run())
    assert inputs["host_pool_id"].endswith("/hostPools/hp1")
    assert inputs["image"] == "id of images-win11"
    assert inputs["version"] == "1.0.0"
    assert inputs["max_unavailable"] == 3


def test_promotion_is_one_key(run):
    before, after = update(run()), update(run(image_version="1.0.1"))
    assert {key for key in after if after[key] != before[key]} == {"version"}
    assert after["version"] == "1.0.1"


IMAGE = "/subscriptions/1/resourceGroups/i/providers/Microsoft.Compute/galleries/avd/images/win11"
NO_GALLERY = {"gallery": None, "image_definition": None, "image_versions": None, "image_version": None, "image": IMAGE}
HP_TEST = "/subscriptions/1/resourceGroups/t/providers/Microsoft.DesktopVirtualization/hostPools/hp-test"


def test_the_pool_to_promote_from_is_an_output_of_its_stack(run):
    source = {"stack": "test", "soak": "P2D", "max_failed": 1}
    made = run(references={"host_pool_id": HP_TEST}, **NO_GALLERY, promote_from=source)
    [reference] = [args for args in made.declared if args.typ == "pulumi:pulumi:StackReference"]
    assert reference.inputs["name"] == f"organization/{PROJECT}/test"
    inputs = update(made)
    assert inputs["version"] == "promoted"
    assert inputs["promote_from"] == {**source, "host_pool_id": HP_TEST}


def test_a_pool_of_another_backend_is_named_by_its_id(run):
    made = run(**NO_GALLERY, promote_from={"host_pool_id": HP_TEST, "stack": "acme test"})
    assert not [args for args in made.declared if args.typ == "pulumi:pulumi:StackReference"]
    assert update(made)["promote_from"] == {"host_pool_id": HP_TEST, "stack": "acme test"}


def test_a_stack_that_was_never_deployed_is_one_clear_message(run):
    inputs = update(run(references={}, **NO_GALLERY, promote_from={"stack": "test"}))
    [problem] = validate({name: value for name, value in inputs.items() if name in input_names()}).problems
    assert problem.prop == "promote_from.host_pool_id"
    assert "stack test, which has no output host_pool_id before its first pulumi up,' is not the id" in problem.reason


def test_the_version_that_is_captured_is_what_the_hosts_run(run):
    golden = {"source_vm_id": GOLDEN, "version": "1.0.*"}
    secret = {"name": "office", "script": ["x"], "secrets": {"Token": "office-token"}}
    made = run(golden_image={**golden, "updates": [secret]}, image_version=None)
    [inputs] = [dict(args.inputs) for args in made.declared if args.typ == CAPTURE]
    assert inputs["image"] == "id of images-win11" and inputs["version"] == "1.0.*"
    assert inputs["updates"][0]["secrets"] == {"Token": "https://localhost:1/keyvault/avd-kv/secrets/office-token"}
    assert update(made)["version"] == "1.0.2", "by its id, which is not known before it is there"
    assert update(run(golden_image=golden, image_version="1.0.0"))["version"] == "1.0.0"


def test_names_of_secrets_become_their_uris(run):
    inputs = update(run())
    assert inputs["join"]["password_secret"] == "https://localhost:1/keyvault/avd-kv/secrets/domain-join-password"
    assert inputs["local_admin"] == {
        "username_secret": "https://localhost:1/keyvault/avd-kv/secrets/local-admin-name",
        "password_secret": "https://localhost:1/keyvault/avd-kv/secrets/local-admin-password",
    }


def test_names_in_a_list_of_secrets_become_their_uris(run):
    secrets = ["mail", "https://kv/secrets/teams"]
    rollout = {"local_admin": {"username_secret": "u", "password_secret": "p"}, "notify": {"url_secrets": secrets}}
    assert update(run(rollout=rollout))["notify"]["url_secrets"] == [
        "https://localhost:1/keyvault/avd-kv/secrets/mail",
        "https://kv/secrets/teams",
    ]


def test_the_update_waits_for_its_rights_and_for_the_image_versions(run, mocker: MockerFixture):
    constructor = mocker.spy(pulumi.CustomResource, "__init__")
    run()
    [options] = [call.args[4] for call in constructor.call_args_list if call.args[2] == "image-update"]
    awaited = sorted(type(resource).__name__ for resource in options.depends_on)
    assert awaited == ["GalleryImageVersion", "GalleryImageVersion", "RoleAssignment", "RoleAssignment"]


def test_an_image_of_the_marketplace_needs_no_gallery(run):
    made = run(gallery=None, image_definition=None, image_versions=None, image="p:o:s", image_version="latest")
    assert made.of("compute:Gallery") == []
    assert (update(made)["image"], update(made)["version"]) == ("p:o:s", "latest")


def test_a_pool_can_be_made_first(run):
    group = "/subscriptions/1/resourceGroups/avd"
    made = run(
        host_pool_id=None,
        host_pool={"resource_group_id": group, "name": "hp2", "max_session_limit": 8},
        gallery=None,
        image_definition=None,
        image_versions=None,
        key_vault_id=None,
        image="p:o:s",
        rollout={"local_admin": {"username_secret": "https://kv/secrets/u", "password_secret": "https://kv/secrets/p"}},
    )
    assert [pool["hostPoolName"] for pool in made.of("desktopvirtualization:HostPool")] == ["hp2"]
    assert update(made)["host_pool_id"] == "id of host-pool"


def test_no_role_is_made_where_none_is_declared(run):
    assert run(update_role=None).of("authorization:RoleDefinition") == []


def test_a_wrong_configuration_is_one_clear_message(run):
    with pytest.raises(pulumi.RunError) as error:
        run(image_version="1.0.2")
    assert str(error.value) == (
        "the stack configuration is wrong:\n"
        '  image_version: "1.0.2" is not in image_versions; listed are: 1.0.0, 1.0.1; add it with its source'
    )


def test_the_stack_has_the_promised_outputs(run, mocker: MockerFixture):
    export = mocker.patch.object(pulumi, "export")
    run()
    names = [call.args[0] for call in export.call_args_list]
    assert names == ["host_pool_id", "status", "image_version", "hosts", "report", "goes_on", "waits_for"]
