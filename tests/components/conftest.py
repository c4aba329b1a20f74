"""Components under Pulumi mocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pytest_mock import MockerFixture

from tests.support.pulumi_mocks import Recorder, run_program

Declare = Callable[[Callable[[], Any]], Recorder]


@pytest.fixture
def declare() -> Declare:
    """Run a program under mocks and give what it declared."""

    return lambda program: run_program(program, Recorder())


@pytest.fixture
def options(mocker: MockerFixture) -> Callable[[], dict[str, pulumi.ResourceOptions]]:
    """The options that each declared resource was given, by its name."""
    constructor = mocker.spy(pulumi.CustomResource, "__init__")
    return lambda: {call.args[2]: call.args[4] for call in constructor.call_args_list}
