"""What is in the state of every stack for ever: the type token, the path of the provider class, its pickle."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from providers import host_pool_image_update as module
from providers.failure import HostPoolImageUpdateFailed
from providers.host_pool_image_update import (
    CanaryArgs,
    CheckpointArgs,
    DrainArgs,
    HostPoolImageUpdate,
    HostPoolImageUpdateArgs,
    HostPoolImageUpdateProvider,
    LocalAdminArgs,
    fail_when_incomplete,
)
from tests.providers.declarations import IMAGE, POOL, inputs
from tests.support.pulumi_mocks import Recorder, run_program

TOKEN = "pulumi-python:dynamic/avd:HostPoolImageUpdate"
PICKLE = (
    "gASVRwAAAAAAAACMIHByb3ZpZGVycy5ob3N0X3Bvb2xfaW1hZ2VfdXBkYXRllIwbSG9zdFBvb2xJbWFnZVVwZGF0ZVByb3ZpZGVylJOUKYGULg=="
)


def test_the_pickle_of_the_provider_is_a_short_reference_that_never_changes() -> None:
    assert serialize_provider(HostPoolImageUpdateProvider()) == PICKLE
    assert len(base64.b64decode(PICKLE)) < 100


def test_the_pickle_names_the_class_by_its_path() -> None:
    pickled = base64.b64decode(PICKLE)
    assert b"providers.host_pool_image_update" in pickled
    assert b"HostPoolImageUpdateProvider" in pickled


def test_a_fresh_interpreter_reads_it_without_the_engine_or_azure() -> None:
    script = (
        "import base64, dill, sys\n"
        f"provider = dill.loads(base64.b64decode({PICKLE!r}))\n"
        "late = ('azure', 'cloud', 'aiohttp', 'jsonschema', 'rollout')\n"
        "print(type(provider).__name__, [name for name in sys.modules if name.startswith(late)])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "HostPoolImageUpdateProvider []"


def test_the_provider_has_neither_state_nor_secrets() -> None:
    assert HostPoolImageUpdateProvider().__dict__ == {}
    assert HostPoolImageUpdateProvider.serialize_as_secret_always is False


def declare(args: Callable[[], HostPoolImageUpdateArgs | dict[str, Any]]) -> dict[str, Any]:
    """Inputs of the resource as the engine would get them."""
    recorder = Recorder()
    run_program(lambda: HostPoolImageUpdate("image-update", args()), recorder)
    [declared] = recorder.declared
    assert declared.typ == TOKEN == module.TOKEN
    return dict(declared.inputs)


def test_typed_arguments_become_plain_inputs() -> None:
    def args() -> HostPoolImageUpdateArgs:
        return HostPoolImageUpdateArgs(
            host_pool_id=POOL,
            image=IMAGE,
            version="1.0.1",
            local_admin=LocalAdminArgs(username_secret="https://v/secrets/n", password_secret="https://v/secrets/p"),
            max_unavailable="10%",
            canary=CanaryArgs(hosts=2),
            checkpoints=[CheckpointArgs(percent=25, pause="PT30M")],
            drain=DrainArgs(deadline=pulumi.Output.from_input("PT8H"), log_off="force"),
            include=["vm-1"],
        )

    declared = declare(args)
    assert declared.pop("__provider") == PICKLE
    assert declared == {
        "host_pool_id": POOL,
        "image": IMAGE,
        "version": "1.0.1",
        "local_admin": {"username_secret": "https://v/secrets/n", "password_secret": "https://v/secrets/p"},
        "max_unavailable": "10%",
        "canary": {"hosts": 2},
        "checkpoints": [{"percent": 25, "pause": "PT30M"}],
        "drain": {"deadline": "PT8H", "log_off": "force"},
        "include": ["vm-1"],
        "resource_urn": f"urn:pulumi:test::avd::{TOKEN}::image-update",
    }


def test_a_plain_dict_does_as_well() -> None:
    declared = declare(inputs)
    assert {name: declared[name] for name in inputs()} == inputs()


@pytest.mark.parametrize("left", [{"goes_on": "2026-01-13T20:00:00Z"}, {"waits_for": "stop_after: canary"}])
def test_what_is_left_as_declared_fails_no_deployment(left: dict[str, str]) -> None:
    outputs = {"status": "paused", "summary": "pool hp1: paused", **left}
    fail_when_incomplete(pulumi.ResourceHookArgs("urn", "id", "x", TOKEN, new_inputs={}, new_outputs=outputs))
    outputs |= dict.fromkeys(left, "")  # somebody paused it
    with pytest.raises(HostPoolImageUpdateFailed, match="pool hp1: paused"):
        fail_when_incomplete(pulumi.ResourceHookArgs("urn", "id", "x", TOKEN, new_inputs={}, new_outputs=outputs))


@pytest.mark.parametrize(
    ("status", "wanted", "fails"),
    [
        ("complete", None, False),
        ("complete", True, False),
        ("scheduled", None, False),
        ("complete_with_failures", None, True),
        ("complete_with_failures", True, True),
        ("complete_with_failures", False, False),
        ("paused", None, True),
        ("paused", False, False),
    ],
)
def test_the_hook_fails_a_deployment_that_left_hosts_behind(status: str, wanted: bool | None, fails: bool) -> None:
    args = pulumi.ResourceHookArgs(
        "urn",
        "id",
        "image-update",
        TOKEN,
        new_inputs={} if wanted is None else {"fail_when_incomplete": wanted},
        new_outputs={"status": status, "summary": "pool hp1: 3 of 40 hosts failed; first: vm-7, domain join"},
    )
    if not fails:
        fail_when_incomplete(args)
        assert status in ("complete", "scheduled") or wanted is False
        return
    with pytest.raises(HostPoolImageUpdateFailed, match=r"^pool hp1: 3 of 40 hosts failed; first: vm-7, domain join$"):
        fail_when_incomplete(args)
