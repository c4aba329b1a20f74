"""Pulumi mocks that record what a component declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi.runtime
import pytest
from pytest_mock import MockerFixture

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers each resource with its inputs and an id made of its type and name."""

    declared: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        self.declared.append(args)
        inputs = dict(args.inputs)
        name = next((inputs[key] for key in NAMES if key in inputs), args.name)
        return f"id of {args.name}", {**inputs, "name": name}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        return {}

    def of(self, token: str) -> list[dict[str, Any]]:
        """Inputs of the declared resources of a type, in order of their names."""
        return [dict(a.inputs) for a in sorted(self.declared, key=lambda a: a.name) if a.typ == f"azure-native:{token}"]


NAMES = ("galleryImageVersionName", "galleryImageName", "galleryName", "hostPoolName", "roleAssignmentName")

Declare = Callable[[Callable[[], Any]], Recorder]


@pytest.fixture
def declare() -> Declare:
    """Run a program under mocks and give what it declared."""

    def run(program: Callable[[], Any]) -> Recorder:
        recorder = Recorder()
        pulumi.runtime.set_mocks(recorder, project="avd", stack="test", preview=False)
        pulumi.runtime.test(program)()
        return recorder

    return run


@pytest.fixture
def options(mocker: MockerFixture) -> Callable[[], dict[str, pulumi.ResourceOptions]]:
    """The options that each declared resource was given, by its name."""
    constructor = mocker.spy(pulumi.CustomResource, "__init__")
    return lambda: {call.args[2]: call.args[4] for call in constructor.call_args_list}
